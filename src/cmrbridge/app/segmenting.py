"""A study's frames through a network, end-diastole first, told line by line as they are done."""

import base64
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from cmrbridge.app.engine import Engine, Failed, Refused
from cmrbridge.app.measures import by_volume, in_order
from cmrbridge.app.package import Package
from cmrbridge.app.settings import Allowed
from cmrbridge.app.shelf import Open, Result, Shelf


async def segmented(
    engine: Engine, shelf: Shelf, allowed: Allowed, case: Open, package: Package
) -> AsyncIterator[bytes]:
    """NDJSON: a line per frame with its mask, progress in between, and at the end ED and ES by the LV's volume.

    What was segmented before is told again, not done again. Failures are lines too: the status has long been sent.
    """
    started = time.monotonic()
    try:
        with shelf.using(case):
            async for words in _frames(engine, allowed, case, package):
                yield _line(words)
            ml = {number: result.ml for number, result in case.results[package.name].items()}
            ed, es = by_volume(ml, (case.about["ed"], case.about["es"]))
            yield _line({"done": True, "ed": ed, "es": es, "seconds": round(time.monotonic() - started, 3)})
    except (Refused, Failed) as error:
        yield _line({"error": str(error)})


async def _frames(engine: Engine, allowed: Allowed, case: Open, package: Package) -> AsyncIterator[dict[str, Any]]:
    results = case.results.setdefault(package.name, {})
    order = in_order(case.about["frames"], case.about["ed"], case.about["es"])
    where = {"folder": str(case.folder), "model": package.name}
    for done, number in enumerate(order, 1):
        if number not in results:
            answer, mask = await engine.call({"do": "segment", **where, "frame": number}, allowed.frame_s)
            results[number] = Result(mask, answer["ml"], answer["odd"])
        found = results[number]
        mask64 = base64.b64encode(found.mask).decode()
        yield {"frame": number, "mask": mask64, "ml": found.ml, "odd": found.odd}
        yield {"progress": done, "of": len(order)}
        if done == min(2, len(order)):
            verdict = await _verdict(engine, allowed, case, package)
            if verdict:
                yield {"unlike": verdict}


async def _verdict(engine: Engine, allowed: Allowed, case: Open, package: Package) -> dict[str, Any]:
    """How unlike the images are what the model learnt from; empty where the model cannot tell."""
    if package.name not in case.unlike:
        words = {"do": "unlike", "folder": str(case.folder), "model": package.name}
        case.unlike[package.name], _ = await engine.call(words, allowed.frame_s)
    return case.unlike[package.name]


def _line(words: dict[str, Any]) -> bytes:
    return json.dumps(words).encode() + b"\n"
