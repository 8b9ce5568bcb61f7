"""The server's end of the worker: one process, one request at a time, killed whenever it does not answer in time."""

import asyncio
import os
import sys
from typing import Any

from cmrbridge.app.messages import Message, next_message, packed
from cmrbridge.app.settings import Allowed


class Refused(Exception):
    """The worker's answer to something that the user can mend; its text may be shown."""


class Failed(Exception):
    """The worker did not answer; its text may be shown. It is started anew, and everything else goes on."""


class Engine:
    """Requests to the worker, in turn. models: folders of packages; threads: of the networks."""

    def __init__(self, models: list[str], threads: int, allowed: Allowed) -> None:
        self._load = {"do": "load", "models": models, "threads": threads, "memory": allowed.memory}
        self._allowed = allowed
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._warming: asyncio.Task[None] | None = None

    async def call(self, words: dict[str, Any], seconds: float) -> Message:
        """The worker's answer. Refused or Failed where there is none; cancelled, the worker is killed in mid-work."""
        async with self._turn:
            await self._started()
            return await self._ask(words, seconds)

    def warm(self) -> None:
        """Start the worker and load its networks before anybody asks."""
        self._warming = asyncio.get_running_loop().create_task(self._warm())

    async def close(self) -> None:
        """Kill the worker."""
        if self._warming:
            self._warming.cancel()
        await self._kill()

    @property
    def pid(self) -> int | None:
        """The worker's process, None while there is none."""
        return self._process.pid if self._process else None

    async def _warm(self) -> None:
        async with self._turn:
            try:
                await self._started()
            except (Refused, Failed) as error:  # told to whoever asks next, too
                print(f"cmrbridge: the worker does not start: {error}", file=sys.stderr)

    async def _started(self) -> None:
        if self._process and self._process.returncode is None:
            return
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cmrbridge.app.worker"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            process_group=0,  # Ctrl-C is the server's to handle; it ends the worker
        )
        try:
            await self._ask(self._load, self._allowed.load_s)
        except (Refused, Failed):  # else it would go on without its networks
            await self._kill()
            raise

    async def _ask(self, words: dict[str, Any], seconds: float) -> Message:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            async with asyncio.timeout(seconds):
                process.stdin.write(packed(words))
                await process.stdin.drain()
                answer, blob = await next_message(process.stdout)
        except BaseException as error:
            await self._kill()
            if isinstance(error, TimeoutError):
                raise Failed(f"it took longer than {seconds:g} seconds and was stopped; try a smaller study") from None
            if isinstance(error, asyncio.IncompleteReadError | OSError | ValueError):
                raise Failed("the process that does the work ended; it is started anew: try again") from None
            raise
        if "error" in answer:
            raise Refused(answer["error"])
        if "fault" in answer:
            raise Failed(f"it failed with an error of its own ({answer['fault']}); see the terminal and report it")
        return answer, blob

    async def _kill(self) -> None:
        """End the worker; only then does it write no more into its case's folder, which may be deleted next."""
        process, self._process = self._process, None
        if process and process.returncode is None:
            process.kill()
            await process.wait()
