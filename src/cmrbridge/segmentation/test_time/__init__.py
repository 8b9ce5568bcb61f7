"""What a segmenter can do with one test subject before it predicts it: cheap rivals that train nothing.

Each is a module of this package with one member, ``predictor(segmenter, …) → Predictor``. A predictor sees one subject
at a time, forgets it afterwards, and leaves the network as it was, bit for bit. Only the module asked for is imported,
so that the fingerprint of one method's code does not cover the others.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

from cmrbridge.errors import InputError
from cmrbridge.segmentation.segmenter import Predictor, Segmenter

NAMES = ("flip", "histogram", "adabn", "tent")


def predictor(segmenter: Segmenter, settings: dict[str, Any] | None, reference: Path | None) -> Predictor:
    """The way of predicting that ``settings`` name: their ``method`` with its own values; None: the segmenter as it is.

    reference: pack of the source's training images, for a method that looks at them. InputError where a name or value
    is unknown, or the method needs what the network has not.
    """
    if settings is None:
        return segmenter
    values = {key: value for key, value in settings.items() if key != "method"}
    if reference is not None:
        values["reference"] = reference
    name = settings["method"]
    if name not in NAMES:
        raise InputError(f"test-time method {name!r} is unknown; choose one of {', '.join(NAMES)}")
    try:
        made: Predictor = import_module(f"{__name__}.{name}").predictor(segmenter, **values)
    except TypeError as error:
        raise InputError(f"test_time: the values of {name} are not what it takes: {error}") from error
    return made
