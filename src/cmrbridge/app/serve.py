"""The command: a socket on loopback, a token of this launch, and the server until it is told to stop."""

import secrets
import signal
import socket
import sys
import webbrowser
from pathlib import Path
from typing import Any

from cmrbridge.app.package import read_packages
from cmrbridge.app.settings import Allowed, cores
from cmrbridge.app.temporary import private_folder
from cmrbridge.errors import InputError

PATIENCE_S = 2  # for answers that are under way when the server is told to stop


def serve(models: list[Path], port: int, browser: bool, allowed: Allowed | None = None) -> None:
    """Serve the page until SIGINT, SIGTERM or SIGHUP; ``port`` 0 takes a free one. Leaves nothing on the disk."""
    stops = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup ignores it: who closes the terminal goes on
        stops.append(signal.SIGHUP)
    for sign in stops:
        signal.signal(sign, lambda number, _: sys.exit(128 + number))
    import uvicorn

    from cmrbridge.app.server import application, guarded

    packages = read_packages(models)
    with _listening(port) as listener, private_folder() as root:
        own = listener.getsockname()[1]
        token = secrets.token_urlsafe(24)
        app = guarded(application(packages, root, cores(), allowed or Allowed()), own, token)
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            timeout_graceful_shutdown=PATIENCE_S,
        )
        address = f"http://127.0.0.1:{own}/#{token}"
        print(f"{address}\nFor research use only. Nothing leaves this machine. Stop with Ctrl-C.", flush=True)
        if browser:
            webbrowser.open(address)
        _run(uvicorn.Server(config), listener, stops)


def _run(server: Any, listener: socket.socket, stops: list[signal.Signals]) -> None:
    """Until a signal. An exit raised in the middle of an answer would end that answer alone, so SIGHUP asks uvicorn to
    end, as uvicorn does by itself with the others."""
    came: list[int] = []

    def end(number: int, _: object) -> None:
        came.append(number)
        server.should_exit = True

    if signal.SIGHUP in stops:
        signal.signal(signal.SIGHUP, end)
    server.run([listener])
    if came:
        sys.exit(128 + came[0])


def _listening(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise InputError(f"port {port}: cannot be listened on ({error.strerror}); choose another by --port") from error
    listener.listen()  # who opens the address at once waits instead of being refused
    return listener
