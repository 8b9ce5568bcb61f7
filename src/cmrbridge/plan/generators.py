"""What a study asks of its generators: refused before anything trains where their networks or images can't do it."""

from collections.abc import Mapping
from itertools import product
from typing import Any

from cmrbridge.errors import InputError

NOISE_STEPS = 1000  # of every diffusion model here (core.diffusion, which would import torch)
GUIDED = ("dda", "ilvr")  # translation methods that keep low frequencies, and so have a factor
IGNORED = {"ilvr": ("scale",), "sdedit": ("factor", "scale"), "inversion": ("factor", "scale")}

Study = dict[str, Any]


def check_generators(study: Study) -> None:
    """InputError that names the key of a size, a step, a weight or a method which can't be."""
    _check_sizes(study)
    _check_kept(study)
    _check_guidance(study)
    _check_methods(study)
    _check_translations(study)


def candidates_of(method: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Every combination of a translation method's listed values, by a name that says what varies."""
    keys = [key for key in method if key not in ("method", "insist")]
    varied = [key for key in keys if len(method[key]) > 1]
    found = {}
    for values in product(*(method[key] for key in keys)):
        chosen = dict(zip(keys, values))
        name = " ".join([method["method"], *(f"{key} {chosen[key]:g}" for key in varied)])
        found[name] = {"method": method["method"], **chosen}
    return found


def _check_sizes(study: Study) -> None:
    size = study["image"]["size"]
    for room in ("masks", "synthesis", "translation"):
        settings = study[room]["train"]
        step = settings["fold"] * 2 ** (len(settings["channels"]) - 1)
        if size % step:
            raise InputError(f"image.size {size} can't be halved as {room}.train asks: make it a multiple of {step}")


def _check_kept(study: Study) -> None:
    keep, steps = study["synthesis"]["train"].get("keep", []), study["synthesis"]["train"]["steps"]
    if keep != sorted(keep) or any(step > steps for step in keep):
        raise InputError(f"synthesis.train.keep: {keep} must be rising steps, at most synthesis.train.steps ({steps})")


def _check_guidance(study: Study) -> None:
    weight = study["synthesis"]["render"].get("guidance", 1)
    if weight != 1 and not study["synthesis"]["train"].get("drop"):
        raise InputError(
            f"synthesis.render.guidance: {weight} needs a generator that has seen images without masks: "
            "set synthesis.train.drop to 0.1, or guidance to 1"
        )


def _check_methods(study: Study) -> None:
    """A method with a value that it would ignore is not what its writer thinks."""
    for name, settings in study["translation"]["methods"].items():
        method, where = settings["method"], f"translation.methods.{name}"
        ignored = [key for key in IGNORED.get(method, ()) if key in settings]
        if ignored:
            raise InputError(f"{where}: {method} knows no {' and no '.join(ignored)}; take it out")
        if method == "inversion" and any(settings.get("eta", [])):
            raise InputError(f"{where}: inversion goes back the way it came, without noise: eta can only be [0]")


def _check_translations(study: Study) -> None:
    """Candidates of the methods that chosen arms use: what their network or their images can't do is told now."""
    top, size = study["translation"]["train"]["top"], study["image"]["size"]
    arms = [study["arms"][name] for name in study["run"]["arms"]]
    used = {arm[key]["method"] for arm in arms for key in ("translated", "test_translation") if arm[key]}
    for name in sorted(used):
        where = f"translation.methods.{name}"
        for one in candidates_of(study["translation"]["methods"][name]).values():
            if max(one["start"], one["reshade"]) > top:
                raise InputError(f"{where}: start and reshade must not exceed translation.train.top ({top})")
            if one["calls"] > one["start"] * NOISE_STEPS:
                raise InputError(f"{where}: {one['calls']} calls within {one['start']} of {NOISE_STEPS} steps: fewer")
            if 0 < one["reshade"] * NOISE_STEPS < 1:
                raise InputError(
                    f"{where}: reshade {one['reshade']} is less than one of {NOISE_STEPS} steps: 0 is none"
                )
            if one["method"] in GUIDED and size % one.get("factor", 1):
                raise InputError(f"{where}: factor {one['factor']} does not divide image.size {size}")
