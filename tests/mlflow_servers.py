"""MLflow's server, and what may stand in its place or between it and us; all on the loopback device."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """A real one, that keeps all in ``folder``; its address."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/server.db", "--artifacts-destination", f"{folder}/kept"]
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # eight processes that nobody asks
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        until(lambda: answers(f"http://127.0.0.1:{port}/health"), 300)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def until(condition: Any, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.2)


class Proxy(BaseHTTPRequestHandler):
    """Hands on the first ``left`` requests to ``upstream`` and hears no other; of those it heard, the last, every
    ``lost``-th and the first ``deaf`` of a path that holds ``asked`` get no answer. status: what it answers to all."""

    upstream, status, left, lost, heard, asked, deaf = "", 0, 0, 1_000_000, 0, "", 0

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kind = type(self)
        self.close_connection = True
        if kind.status:
            self.send_error(kind.status)
        elif kind.heard < kind.left:
            kind.heard += 1
            deaf = kind.deaf > 0 and kind.asked in self.path
            kind.deaf -= deaf
            self.hand_on(body, kind.heard < kind.left and kind.heard % kind.lost > 0 and not deaf)

    def hand_on(self, body: bytes, answer: bool) -> None:
        connection = HTTPConnection(self.upstream)
        connection.request(self.command, self.path, body, {**self.headers, "Host": self.upstream})
        reply = connection.getresponse()
        content = reply.read()
        if answer:
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.getheader("Content-Type") or "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def log_message(self, *about: Any) -> None:
        pass


@contextmanager
def proxy(**about: Any) -> Iterator[tuple[str, Any]]:
    handler = type("Handler", (Proxy,), about)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}", handler
        listening.shutdown()


@contextmanager
def hanging() -> Iterator[str]:
    """A socket that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        yield f"http://127.0.0.1:{silent.getsockname()[1]}"
