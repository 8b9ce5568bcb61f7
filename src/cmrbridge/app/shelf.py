"""The cases that are open: each a folder of the server's own, gone when it is closed, idle or crowded out."""

import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cmrbridge.app.settings import Allowed


class Full(Exception):
    """All cases that may be open are being worked on."""


@dataclass(frozen=True)
class Result:
    """One frame by one model. mask: gzip of the labels, first axis fastest; ml: per structure; odd: `oddities`."""

    mask: bytes
    ml: dict[str, float]
    odd: list[str]


@dataclass
class Open:
    """A case that is open. about: `case.Case` as plain values; results: by model and frame; unlike: by model."""

    key: str
    folder: Path
    about: dict[str, Any] = field(default_factory=dict)
    results: dict[str, dict[int, Result]] = field(default_factory=dict)
    unlike: dict[str, dict[str, Any]] = field(default_factory=dict)
    users: int = 0
    touched: float = 0.0


class Shelf:
    """At most ``allowed.cases`` cases below ``root``."""

    def __init__(self, root: Path, allowed: Allowed) -> None:
        self._root, self._allowed = root, allowed
        self._cases: dict[str, Open] = {}

    def add(self) -> Open:
        """A new case, empty and in use; the one unused longest makes room. Full where all are in use."""
        if len(self._cases) >= self._allowed.cases:
            unused = [case for case in self._cases.values() if not case.users]
            if not unused:
                raise Full(f"{len(self._cases)} studies are open and being worked on; wait, or close one")
            self.drop(min(unused, key=lambda case: case.touched).key)
        key = secrets.token_urlsafe(12)
        case = Open(key, self._root / key, touched=time.monotonic())
        case.folder.mkdir(mode=0o700)
        self._cases[key] = case
        return case

    def drop(self, key: str) -> bool:
        """Close a case and delete its folder; whether there was one."""
        case = self._cases.pop(key, None)
        if case:
            shutil.rmtree(case.folder, ignore_errors=True)  # the worker may still be writing; swept at the end
        return case is not None

    @contextmanager
    def using(self, case: Open) -> Iterator[Open]:
        """While it is used a case is neither idle nor crowded out."""
        case.users += 1
        try:
            yield case
        finally:
            case.users -= 1
            case.touched = time.monotonic()

    def get(self, key: str) -> Open | None:
        """The case of that key, None where there is none (any more)."""
        case = self._cases.get(key)
        if case:
            case.touched = time.monotonic()
        return case if case and case.about else None

    def sweep(self) -> None:
        """Close what has been idle too long."""
        now = time.monotonic()
        for case in [*self._cases.values()]:
            if not case.users and now - case.touched > self._allowed.idle_s:
                self.drop(case.key)
