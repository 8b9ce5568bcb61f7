"""A whole beat of a drawn patient, between the two phases that were drawn: for a cine to try things on."""

from dataclasses import fields, replace

import numpy as np

from cmrbridge.data.phantom.cohort import Anatomy
from cmrbridge.data.phantom.heart import Profile, RightVentricle, Ventricles

SYSTOLE = 0.36  # share of the beat
EARLY = 0.6  # exponent below 1: the ventricle fills early in diastole


def beating(anatomy: Anatomy, frames: int) -> Anatomy:
    """``anatomy`` with ``frames`` ≥ 2 phases over one beat: "ED" first, "ES" at its end of systole, others by number.

    Cavities empty and fill smoothly; the muscle keeps its volume.
    """
    time = np.arange(frames) / frames
    end = int(np.clip(round(SYSTOLE * frames), 1, frames - 1))
    falling = (1 - np.cos(np.pi * time / time[end])) / 2
    filling = (1 + np.cos(np.pi * np.clip((time - time[end]) / (1 - time[end]), 0, 1) ** EARLY)) / 2
    shares = np.where(np.arange(frames) <= end, falling, filling)
    names = {0: "ED", end: "ES"}
    ed, es = anatomy.phases["ED"], anatomy.phases["ES"]
    phases = {names.get(number, str(number)): _between(ed, es, float(share)) for number, share in enumerate(shares)}
    return replace(anatomy, phases=phases | {"ED": ed, "ES": es})


def _between(ed: Ventricles, es: Ventricles, share: float) -> Ventricles:
    """The heart when ``share`` of the way from ``ed`` to ``es`` is done."""
    muscle = ed.epi.volume - ed.endo.volume
    blood = _mix(ed.endo.volume, es.endo.volume, share)
    endo = Profile.of_volume(_mix(ed.endo.base, es.endo.base, share), _mix(ed.endo.apex, es.endo.apex, share), blood)
    base, apex = _mix(ed.epi.base, es.epi.base, share), _mix(ed.epi.apex, es.epi.apex, share)
    right = {
        one.name: _mix(getattr(ed.right, one.name), getattr(es.right, one.name), share)
        for one in fields(RightVentricle)
    }
    return Ventricles(endo, Profile.of_volume(base, apex, blood + muscle), RightVentricle(**right))


def _mix(one: float, other: float, share: float) -> float:
    return (1 - share) * one + share * other
