"""What a translation is asked to do: without torch, so that choosing needs none."""

from dataclasses import dataclass

from cmrbridge.errors import InputError

METHOD_NAMES = ("none", "dda", "ilvr", "sdedit", "inversion")
LOW_PASSED = ("dda", "ilvr")


@dataclass(frozen=True)
class Translation:
    """method: of `METHOD_NAMES`; start: share of the 1000 steps that the reference is noised by (0…1); calls: of the
    network on the way down (inversion takes as many on the way up); factor: D of the low-pass, pixels, for dda and
    ilvr; scale: of the gradient, for dda; eta: 0 for DDIM's step, 1 for DDPM's (inversion knows only 0); even: share
    of the volume's difference from the source's mean shading that is taken out first (`translation.shading`)."""

    method: str
    start: float = 0.5
    calls: int = 10
    factor: int = 4
    scale: float = 6.0
    eta: float = 1.0
    even: float = 0.5

    def __post_init__(self) -> None:
        if self.method not in METHOD_NAMES:
            raise InputError(f"method: {self.method!r} is not one of {', '.join(METHOD_NAMES)}")
        if self.factor < 2 or not 0 < self.start <= 1:
            raise InputError(f"factor: {self.factor} must be 2 or more, start: {self.start} in 0…1, more than 0")
