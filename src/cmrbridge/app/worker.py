"""The process that touches what strangers made: parses uploads, runs networks. It may be killed at any time.

It reads requests from its standard input and answers on its standard output (`messages`), one after the other, and
keeps nothing between them but the networks. ``python -m cmrbridge.app.worker``, started by `engine`.
"""

import gzip
import os
import re
import sys
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

from cmrbridge.app import adapt, measures, predict
from cmrbridge.app.case import frame as read_frame
from cmrbridge.app.case import load as read_case
from cmrbridge.app.messages import Message, packed, read_message
from cmrbridge.app.settings import FULL_DISK, is_full_disk
from cmrbridge.errors import InputError

DOES = ("load", "open", "sample", "segment", "translate", "unlike")


class Bench:
    """What the worker can do; each takes the words of a request by name."""

    def __init__(self) -> None:
        self._networks: dict[str, predict.Network] = {}

    def load(self, models: list[str], threads: int, memory: int) -> Message:
        """Load all networks, within ``memory`` bytes of address space for ever after."""
        _limit_memory(memory)
        self._networks = predict.load_networks([Path(model) for model in models], threads)
        return {}, b""

    def open(self, upload: str, folder: str) -> Message:
        """An uploaded file → a case in ``folder``; the file is gone afterwards."""
        from cmrbridge.app.upload import open_upload

        path = Path(upload)
        try:
            return asdict(open_upload(path, Path(folder))), b""
        finally:
            path.unlink(missing_ok=True)

    def sample(self, folder: str) -> Message:
        """The phantom's case in ``folder``."""
        from cmrbridge.app.sample import open_sample

        return asdict(open_sample(Path(folder))), b""

    def segment(self, folder: str, model: str, frame: int) -> Message:
        """Volumes and oddities of one frame, and its labels (gzip, first axis fastest)."""
        case = read_case(Path(folder))
        network, volume = self._networks[model], read_frame(Path(folder), case, frame)
        if network.package.adapted:
            grid = predict.grid_of(network.package, volume, case.centre)
            labels = predict.outlined(network, adapt.translated(network, Path(folder), case, frame), grid)
        else:
            labels = predict.segment(network, volume, case.centre)
        words = {"ml": measures.volumes_ml(labels, case.spacing), "odd": measures.oddities(labels)}
        return words, gzip.compress(labels.tobytes(order="F"), compresslevel=1, mtime=0)

    def translate(self, folder: str, model: str, frame: int) -> Message:
        """One frame as the model's translator redraws it: voxels of the frame's type, first axis fastest."""
        return {}, adapt.view(self._networks[model], Path(folder), read_case(Path(folder)), frame)

    def unlike(self, folder: str, model: str) -> Message:
        """How unlike ED and ES are what the model learnt from; nothing where its package cannot tell."""
        network, case = self._networks[model], read_case(Path(folder))
        return predict.unlike(network.package, Path(folder), case) or {}, b""


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the requests end."""
    bench = Bench()
    while (request := read_message(requests)) is not None:
        answers.write(packed(*_answer(bench, request)))
        answers.flush()


def _answer(bench: Bench, request: Message) -> Message:
    """What was asked for, or why it failed in words that hold no path of this machine."""
    words = request[0]
    do = words.pop("do")
    if do not in DOES:
        raise ValueError(f"asked to {do}")
    try:
        answer: Message = getattr(bench, do)(**words)
        return answer
    except InputError as error:
        return {"error": without_paths(str(error), str(words.get("folder", "")))}, b""
    except MemoryError:
        return {"error": "it needs more memory than the app may take; drop a smaller study"}, b""
    except OSError as error:
        return ({"error": FULL_DISK} if is_full_disk(error) else _fault(error)), b""
    except Exception as error:
        return _fault(error), b""


def _fault(error: Exception) -> dict[str, str]:
    """A bug of ours: where it happened, but nothing that was read, goes to the terminal."""
    sys.stderr.write("".join(traceback.format_tb(error.__traceback__)) + f"{type(error).__name__}\n")
    return {"fault": type(error).__name__}


def without_paths(message: str, folder: str) -> str:
    """``message`` without the case's ``folder`` and the names that the app gives files there."""
    return re.sub(rf"{re.escape(folder)}(/scratch)?(/image\d\.nii(\.gz)?: |/)?", "", message) if folder else message


def _limit_memory(limit: int) -> None:
    if sys.platform == "linux":  # elsewhere such a limit is refused or means something else
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main() -> None:
    """Take the pipes for the protocol and leave standard input and output to nobody: a library may print."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    serve(requests, answers)


if __name__ == "__main__":
    main()
