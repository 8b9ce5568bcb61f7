"""Credentials: from the environment alone, for one host alone, over an encrypted line alone."""

import base64
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cmrbridge.errors import InputError


@dataclass(frozen=True)
class Secret:
    """What is sent to ``origin`` (scheme, host, port) and to nobody else; its text is in no repr."""

    origin: tuple[str, str, int | None]
    header: str = field(repr=False)

    def for_url(self, url: str) -> str | None:
        """The value of the header Authorization where this URL may have it."""
        return self.header if origin(url) == self.origin else None


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of a URL; port None for an unusual scheme without one."""
    parts = urlsplit(url)
    usual = {"https": 443, "http": 80}
    return parts.scheme, parts.hostname or "", parts.port or usual.get(parts.scheme)


def shown(url: str) -> str:
    """A URL without what could be secret in it: user, password, query."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"


def names_of(dataset: str) -> tuple[str, str]:
    """The variables that hold a data set's login (user:password) and its token."""
    stem = "CMRBRIDGE_" + re.sub(r"\W", "_", dataset.upper())
    return f"{stem}_LOGIN", f"{stem}_TOKEN"


def secret_of(dataset: str, url: str, environment: Mapping[str, str]) -> Secret | None:
    """The credentials that the environment holds for the data set, bound to the host of ``url``, its first address."""
    login, token = names_of(dataset)
    name = login if environment.get(login) else token
    given = environment.get(name, "")
    if not given:
        return None
    if not given.isprintable() or (name == login and ":" not in given):
        raise InputError(
            f"{name}: {'not of the form user:password' if name == login else 'holds a line break'}; set it anew"
        )
    if not private(url):
        raise InputError(f"{name} is set, but {shown(url)} is not encrypted: unset it, or name an https:// address")
    encoded = base64.b64encode(given.encode()).decode()
    return Secret(origin(url), f"Basic {encoded}" if name == login else f"Bearer {given}")


def private(url: str) -> bool:
    """Whether nobody on the way reads along: https, or this very machine."""
    return urlsplit(url).scheme == "https" or _loopback(urlsplit(url).hostname or "")


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
