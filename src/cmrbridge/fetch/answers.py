"""One question to a server: redirects that carry no secret away, and what an answer means."""

import email.utils
import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from cmrbridge.fetch.credentials import Secret, origin, private, shown

LATER = {408, 425, 429, 500, 502, 503, 504}
MARKUP = (b"<!doctype html", b"<html", b"<head", b"<body")


class Refused(Exception):
    """This address will not give the file, however often it is asked."""


class Interrupted(Exception):
    """It may give it when asked again. wait: seconds that the server asked for, None where it did not say."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class _Redirects(HTTPRedirectHandler):
    """Follows a redirect with the secret only to where it belongs, and never from an encrypted line to an open one."""

    def __init__(self, secret: Secret | None) -> None:
        self.secret = secret

    def redirect_request(self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Request | None:
        if urlsplit(newurl).scheme not in ("http", "https") or (private(req.full_url) and not private(newurl)):
            raise Refused(f"redirects to {shown(newurl)}, which is not encrypted")
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        return following and _authorized(following, self.secret)


def _authorized(request: Request, secret: Secret | None) -> Request:
    value = secret.for_url(request.full_url) if secret else None
    if value:
        request.add_unredirected_header("Authorization", value)  # no redirect copies it
    return request


def ask(url: str, headers: Mapping[str, str], secret: Secret | None, timeout: float) -> http.client.HTTPResponse:
    """The answer to GET, its body unread, of status 200, 206 or 416.

    timeout: seconds without a byte. Raises `Refused` and `Interrupted`, whose texts hold no secret.
    """
    opener = OpenerDirector()
    handlers = (ProxyHandler, HTTPHandler, HTTPSHandler, HTTPDefaultErrorHandler, HTTPErrorProcessor)
    for handler in [*(kind() for kind in handlers), _Redirects(secret)]:
        opener.add_handler(handler)
    request = Request(url, headers={"User-Agent": "cmrbridge", "Accept-Encoding": "identity", **headers})
    try:
        answer: Any = opener.open(_authorized(request, secret), timeout=timeout)
    except HTTPError as error:
        if error.code == 416:
            return error  # type: ignore[return-value]  # an answer too
        error.close()
        raise _meaning(error, url, secret) from None
    except (URLError, http.client.HTTPException, OSError) as error:
        raise Interrupted(f"no answer ({getattr(error, 'reason', error) or type(error).__name__})") from None
    if answer.status not in (200, 206):
        answer.close()
        raise Refused(f"answers with status {answer.status}")
    return answer


def _meaning(error: HTTPError, url: str, secret: Secret | None) -> Exception:
    if error.code in LATER:
        return Interrupted(f"answers with status {error.code}", retry_after(error.headers.get("Retry-After")))
    if error.code in (401, 403, 407):
        sent = secret is not None and secret.origin == origin(url)
        return Refused(
            f"asks for a login (status {error.code})" + (", and the one it was given will not do" if sent else "")
        )
    return Refused(f"answers with status {error.code}")


def retry_after(value: str | None) -> float | None:
    """Seconds of a Retry-After header, which holds seconds or a date; None where it holds neither."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def is_page(start: bytes) -> bool:
    """Whether a file that begins so is a page for a browser: a login form or an error in the place of the data."""
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return text.startswith(MARKUP) or (text.startswith((b"<?xml", b"<!--")) and b"<html" in text)


@dataclass(frozen=True)
class Extent:
    """What a partial answer is of. first: offset of its first byte; total: bytes of the whole, None where not told."""

    first: int | None
    total: int | None


def extent(answer: http.client.HTTPResponse) -> Extent:
    """From Content-Range ("bytes 5-9/10", "bytes */10") where there is one, else from the length told; body unread."""
    told = answer.headers.get("Content-Range")
    if told is None:
        return Extent(0, answer.length)
    unit, _, rest = told.partition(" ")
    span, _, total = rest.partition("/")
    first = span.partition("-")[0]
    known = unit.lower() == "bytes"
    return Extent(
        int(first) if known and first.isdecimal() else None, int(total) if known and total.isdecimal() else None
    )
