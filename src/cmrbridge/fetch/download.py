"""One file from the first of its addresses that gives it whole: resumed, retried, verified, then renamed."""

import http.client
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cmrbridge.errors import InputError
from cmrbridge.fetch.answers import Interrupted, Refused, ask, extent, is_page
from cmrbridge.fetch.credentials import Secret, names_of, shown
from cmrbridge.fetch.part import Part, address_of
from cmrbridge.fetch.source import Source
from cmrbridge.fetch.verify import misfit

CHUNK = 1 << 16
HEAD = 512  # bytes by which a page is told from data
SPARE = 256 << 20  # bytes of the disk that are left free

Report = Callable[[int, int | None], None]  # bytes that are here, bytes of the whole where known


@dataclass(frozen=True)
class Patience:
    """How long a server is borne with, in seconds.

    timeout: without a byte; slowest: bytes a second, at least, over ``window``; attempts: in a row, at one address,
    that bring no byte that was not here before; wait: before the second of them, doubled from then on up to
    ``longest_wait`` (a longer one that the server asks for is kept); total: for one file, all addresses together.
    """

    timeout: float = 60.0
    slowest: float = 1024.0
    window: float = 60.0
    attempts: int = 6
    wait: float = 1.0
    longest_wait: float = 120.0
    total: float = 12 * 3600.0


@dataclass
class _Errand:
    """One file, while it is fetched. most: the most bytes that were ever here."""

    source: Source
    part: Part
    secret: Secret | None
    patience: Patience
    report: Report
    deadline: float
    most: int = 0
    reasons: list[str] = field(default_factory=list)


def download(source: Source, path: Path, secret: Secret | None, patience: Patience, report: Report) -> str:
    """Fetch ``source`` to ``path``; gives the address that it came from, without what could be secret.

    What arrives waits in ``.NAME.part`` beside, where a later call goes on. Raises InputError, which names the
    reason at every address and what to do, and OSError where the disk is full.
    """
    errand = _Errand(source, Part(path), secret, patience, report, time.monotonic() + patience.total)
    for url in source.urls:
        try:
            _from_one_address(url, errand)
        except Refused as refusal:
            errand.reasons.append(f"{shown(url)} {refusal}")
            continue
        errand.part.finish()
        return shown(url)
    raise InputError(f"{path}: not to be had: {'; '.join(errand.reasons)}; {by_hand(source, path)}")


def by_hand(source: Source, path: Path) -> str:
    """What a person can do where the network will not."""
    where = source.registration or (shown(source.urls[0]) if source.urls else "its host")
    login, token = names_of(source.dataset)
    way = f", or export {login} (user:password) or {token} and run again" if source.urls else ""
    return f"get {source.file} of {source.dataset} from {where} and put it there{way}"


def _from_one_address(url: str, errand: _Errand) -> None:
    """Ask until the part is whole and verified; Refused where that is hopeless or patience is at its end."""
    failed = 0
    while True:
        try:
            _receive(url, errand)
            _verify(errand)
            return
        except Interrupted as interruption:
            reached = errand.part.size
            failed = 1 if reached > errand.most else failed + 1
            errand.most = max(errand.most, reached)
            _wait(failed, interruption, errand)


def _wait(failed: int, interruption: Interrupted, errand: _Errand) -> None:
    patience = errand.patience
    if failed >= patience.attempts:
        raise Refused(f"{interruption} ({failed} times in a row)")
    usual = min(patience.longest_wait, patience.wait * 2 ** (failed - 1))
    wait = usual if interruption.wait is None else interruption.wait
    left = errand.deadline - time.monotonic()
    if wait >= left:
        raise Refused(f"{interruption}, and waiting {wait:.0f} s more is past the {patience.total:.0f} s for this file")
    time.sleep(wait)


def _receive(url: str, errand: _Errand) -> None:
    """Append to the part what one answer brings; Interrupted where that is less than it promised."""
    part, source = errand.part, errand.source
    conditions = part.conditions(url, known=bool(source.sha256))
    have, mark = part.size, part.mark
    with ask(url, conditions, errand.secret, errand.patience.timeout) as answer:
        told = extent(answer)
        if answer.status == 416:
            if have and "Content-Range" in answer.headers and told.total == have:
                return
            part.clear()
            raise Interrupted(f"has no byte {have}: the file there is another now", 0.0)
        anew = answer.status == 200
        validator = _validator(answer)
        changed = mark and (mark.total not in (None, told.total) or (mark.validator and mark.validator != validator))
        if not anew and (told.first != have or (changed and mark and mark.address == address_of(url))):
            part.clear()
            raise Interrupted("sends bytes that do not go on where the others end: the file there has changed", 0.0)
        _check_length(told.total, 0 if anew else have, errand)
        part.begin(url, validator, told.total, anew)
        _append(answer, told.total, errand)


def _validator(answer: http.client.HTTPResponse) -> str:
    """What If-Range takes: a strong ETag, or the date of the last change."""
    tag = str(answer.headers.get("ETag", ""))
    return tag if tag.startswith('"') else str(answer.headers.get("Last-Modified", ""))


def _check_length(total: int | None, have: int, errand: _Errand) -> None:
    wanted = errand.source.size
    if wanted is not None and total is not None and total != wanted:
        raise Refused(f"offers {total} bytes, where the file has {wanted}")
    free = shutil.disk_usage(errand.part.path.parent).free
    if total is not None and total - have > free - SPARE:
        raise InputError(
            f"{errand.part.target}: needs {(total - have) / 1e9:.1f} GB and the disk has {free / 1e9:.1f} GB: free "
            "some, or choose another folder"
        )


def _append(answer: http.client.HTTPResponse, total: int | None, errand: _Errand) -> None:
    part, patience = errand.part, errand.patience
    here, head = part.size, b""
    at_start, since, marked = here == 0, time.monotonic(), here
    with part.path.open("ab", buffering=0) as stream:
        while chunk := _read(answer):
            if at_start and len(head) < HEAD:
                head += chunk
                if is_page(head):
                    part.clear()
                    raise Refused(_page(errand))
            stream.write(chunk)
            here += len(chunk)
            _check_more(here, errand)
            errand.report(here, total)
            now = time.monotonic()
            if now > errand.deadline:
                raise Refused(
                    f"is too slow: {here} bytes in the {patience.total:.0f} s for this file; run again to go on"
                )
            if now - since >= patience.window:
                if here - marked < patience.slowest * (now - since):
                    raise Interrupted(f"sends no more than {(here - marked) / (now - since):.0f} bytes a second")
                since, marked = now, here
    if total is not None and here < total:
        raise Interrupted(f"broke off at byte {here} of {total}")


def _read(answer: http.client.HTTPResponse) -> bytes:
    try:
        return answer.read1(CHUNK)
    except (http.client.HTTPException, OSError) as error:
        raise Interrupted(f"broke off ({error or type(error).__name__})") from None


def _check_more(here: int, errand: _Errand) -> None:
    wanted = errand.source.size
    if wanted is not None and here > wanted:
        errand.part.clear()
        raise Refused(f"sends more than the file's {wanted} bytes")


def _page(errand: _Errand) -> str:
    source = errand.source
    form = f": register at {source.registration}" if source.registration else ""
    return f"sends a page for a browser in the place of the file (a login or a form){form}"


def _verify(errand: _Errand) -> None:
    """The part is the file; where pieces do not make it up, the whole is asked for again."""
    part, mark = errand.part, errand.part.mark
    reason = misfit(part.path, errand.source)
    if not reason:
        return
    if mark is not None and mark.total is None:  # nobody told its length: it may have been cut
        raise Interrupted(reason)
    pieces = mark is None or mark.answers > 1
    part.clear()
    raise (
        Interrupted(f"sent pieces of different files ({reason})", 0.0)
        if pieces
        else Refused(f"sends another file: {reason}")
    )
