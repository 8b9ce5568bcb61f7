"""A host on loopback that answers one request after the other as it is told, and well when it is told nothing."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[["Asked"], None]


class Asked(BaseHTTPRequestHandler):
    """One request; ``server.host`` is the host that it was sent to."""

    def do_GET(self) -> None:
        host: Host = self.server.host  # type: ignore[attr-defined]
        host.asked.append(dict(self.headers.items()))
        answer = host.answers.pop(0) if host.answers else well
        with suppress(ConnectionError):  # the client may leave before the end
            answer(self)

    def log_message(self, *_: Any) -> None:
        pass

    def begin(self, status: int, **headers: Any) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()


class Host:
    """answers: to the next requests; asked: the headers of those so far."""

    def __init__(self, content: bytes) -> None:
        self.content, self.tag = content, '"1"'
        self.answers: list[Answer] = []
        self.asked: list[dict[str, str]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Asked)
        self.server.host = self  # type: ignore[attr-defined]

    def url(self, name: str = "127.0.0.1") -> str:
        return f"http://{name}:{self.server.server_port}/file"


def start_of(asked: Asked) -> int:
    """First byte that this request wants, as far as it goes on with the host's version of the file."""
    host: Host = asked.server.host  # type: ignore[attr-defined]
    same = asked.headers.get("If-Range", host.tag) == host.tag
    return int(asked.headers.get("Range", "bytes=0-")[6:].rstrip("-")) if same else 0


def well(asked: Asked, upto: int | None = None) -> None:
    """What a good server does; upto: break off there."""
    host: Host = asked.server.host  # type: ignore[attr-defined]
    start, whole = start_of(asked), len(host.content)
    if start >= whole:
        asked.begin(416, Content_Range=f"bytes */{whole}", Content_Length=0)
        return
    span = {"Content_Range": f"bytes {start}-{whole - 1}/{whole}"} if start else {}
    asked.begin(206 if start else 200, ETag=host.tag, Content_Length=whole - start, **span)
    asked.wfile.write(host.content[start:upto])


def cut(upto: int) -> Answer:
    return lambda asked: well(asked, upto)


def status(code: int, **headers: Any) -> Answer:
    return lambda asked: asked.begin(code, Content_Length=0, **headers)


def body(content: bytes, **headers: Any) -> Answer:
    """These bytes with status 200, whatever was asked for; without a length unless the headers hold one."""

    def answer(asked: Asked) -> None:
        asked.begin(200, **headers)
        asked.wfile.write(content)

    return answer


def trickle(content: bytes, pause: float) -> Answer:
    """A byte at a time."""

    def answer(asked: Asked) -> None:
        asked.begin(200, Content_Length=len(content))
        for byte in content:
            asked.wfile.write(bytes([byte]))
            time.sleep(pause)

    return answer


@contextmanager
def running(content: bytes) -> Iterator[Host]:
    host = Host(content)
    thread = threading.Thread(target=host.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield host
    finally:
        host.server.shutdown()
        host.server.server_close()
        thread.join()
