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
    of the volume's difference from the source's mean shading that is taken out first (`translation.shading`); reshade:
    share of the 1000 steps at which the network is then asked how bright each slice should be where, 0: never
    (`methods.reshaded`)."""

    method: str
    start: float = 0.1
    calls: int = 4
    factor: int = 4
    scale: float = 1.0
    eta: float = 0.0
    even: float = 0.5
    reshade: float = 0.06

    def __post_init__(self) -> None:
        if self.method not in METHOD_NAMES:
            raise InputError(f"method: {self.method!r} is not one of {', '.join(METHOD_NAMES)}")
        if self.factor < 2 or not 0 < self.start <= 1:
            raise InputError(f"factor: {self.factor} must be 2 or more, start: {self.start} in 0…1, more than 0")
        if not 0 <= self.reshade <= 1 or not 0 <= self.even <= 1:
            raise InputError(f"reshade: {self.reshade} and even: {self.even} are shares: 0 to 1")
