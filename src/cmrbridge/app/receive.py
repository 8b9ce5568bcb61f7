"""A request's body into a file: never longer than allowed, never slower, whatever its headers claim."""

import asyncio
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from cmrbridge.app.settings import Allowed

Found = TypeVar("Found")


async def receive_body(request: Request, path: Path, allowed: Allowed) -> None:
    """Write the body to the new file ``path``; HTTPException where it is empty, too long or too slow."""
    too_long = HTTPException(413, f"more than {allowed.upload / 2**20:g} MiB; drop the short-axis study alone")
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced) > allowed.upload:
        raise too_long
    body, started, count = request.stream(), time.monotonic(), 0
    with path.open("xb") as file:
        while True:
            left = allowed.grace_s + count / allowed.floor - (time.monotonic() - started)
            try:
                chunk = await asyncio.wait_for(anext(body, None), max(left, 0))
            except TimeoutError:
                raise HTTPException(408, "the upload came too slowly and was given up; try again") from None
            if chunk is None:
                break
            count += len(chunk)
            if count > allowed.upload:
                raise too_long
            file.write(chunk)
    if count == 0:
        raise HTTPException(400, "the upload is empty; choose a file that holds an image")


async def unless_gone(request: Request, work: Coroutine[Any, Any, Found]) -> Found:
    """What ``work`` gives; cancelled, with ClientDisconnect, as soon as nobody waits for it any more."""
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        for one in (task, gone):
            one.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        continue
