"""Who may ask: the page that this launch opened, on this machine, and nobody else. And what every answer forbids."""

import secrets
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",  # NiiVue's letters; it needs nothing else: no worker, blob, wasm or font
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), usb=(), payment=()",
    "Cache-Control": "no-store",
}


class Guard:
    """Around the whole application: refuses before any of it runs, and sets `HEADERS` on every answer.

    port: that the server listens on; token: of this launch, asked of all under /api.
    """

    def __init__(self, app: ASGIApp, port: int, token: str) -> None:
        self._app, self._token = app, token
        self._hosts = {f"{name}:{port}" for name in LOOPBACK}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            refusal = self._refusal(Headers(scope=scope), scope["path"])
            app: ASGIApp = self._app
            if refusal:
                app = JSONResponse({"error": refusal[1]}, refusal[0])
            await app(scope, receive, _with_headers(send))

    def _refusal(self, headers: Headers, path: str) -> tuple[int, str] | None:
        """(status, reason), None where the request may pass."""
        if not _all_in(headers.getlist("host"), self._hosts, least=1):
            return 421, "asked for under another name; open the address that cmrbridge printed"
        if not _all_in(headers.getlist("origin"), {f"http://{host}" for host in self._hosts}):
            return 403, "asked for by another page; open the address that cmrbridge printed"
        if not _all_in(headers.getlist("sec-fetch-site"), {"same-origin", "none"}):
            return 403, "asked for by another site; open the address that cmrbridge printed"
        if path.startswith("/api") and not self._knows(headers.get("authorization", "")):
            return 401, "the token is missing or of another launch; open the address that cmrbridge printed last"
        return None

    def _knows(self, authorization: str) -> bool:
        return secrets.compare_digest(authorization.encode(), f"Bearer {self._token}".encode())


def _all_in(values: list[str], allowed: Iterable[str], least: int = 0) -> bool:
    return least <= len(values) <= 1 and set(values) <= set(allowed)


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
