"""What a study asks of the real nnU-Net: refused before anything runs where it can't be had, or would be ignored."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cmrbridge.errors import InputError
from cmrbridge.plan.architectures import CAGED, arms_of

LOCK = "envs/requirements-nnunet.txt"

Study = dict[str, Any]


def check_nnunet(study: Study) -> None:
    """InputError where an arm does not go with nnU-Net."""
    asked = _asked(study)
    if not asked:
        return
    for recipe in study["nnunet"]["own_augmentation_for"]:
        if recipe not in study["augmentations"]:
            raise InputError(f"nnunet.own_augmentation_for: {recipe!r} is not in augmentations")
    for architecture in asked:
        for name in arms_of(study, architecture):
            _check_arm(name, architecture, study)


def check_environment(study: Study, home: Path) -> None:
    """InputError where nnU-Net is asked for and its environment is not there; home: the repository.

    For when a study starts: what it would cost can be told without.
    """
    asked, python = _asked(study), nnunet_python(study, home)
    if asked and not startable(python):
        raise InputError(
            f"run.architectures: {asked[0]} needs an environment of its own, and nnunet.python is not there ({python}):"
            " run `make nnunet-env`, or take it out of run.architectures"
        )


def startable(python: str | Path) -> bool:
    """Whether this interpreter is there."""
    return os.access(python, os.X_OK)


def _asked(study: Study) -> list[str]:
    return [name for name in study["run"]["architectures"] if name in CAGED]


def _check_arm(name: str, architecture: str, study: Study) -> None:
    arm, where = study["arms"][name], f"arms.{name} with {architecture}"
    for key in ("adversarial", "mixstyle", "test_time"):
        if arm[key]:
            raise InputError(
                f"{where}: nnU-Net trains and predicts as it is, without {key}; take the arm or nnU-Net out "
                f"of run, or name {name} in run.skip.{architecture}"
            )
    own_augmentation(arm, study, where)


def own_augmentation(arm: Mapping[str, Any], study: Study, where: str = "arm") -> str:
    """ "own" where nnU-Net's augmentation stands in the arm's recipe's place, "none" where that disturbs nothing."""
    recipe, stands_for = arm["augment"], study["nnunet"]["own_augmentation_for"]
    if recipe in stands_for:
        return "own"
    if study["augmentations"][recipe]:
        raise InputError(
            f"{where}: nnU-Net has its own augmentation and would ignore {recipe!r}; take the arm out of run.arms, or "
            "add the recipe to nnunet.own_augmentation_for"
        )
    return "none"


def nnunet_settings(study: Study, arm_name: str, architecture: str) -> dict[str, Any]:
    """What a run's training is told: nnU-Net's sizes, the architecture's name and what of the arm's recipe counts."""
    arm = study["arms"][arm_name]
    return {
        **{key: value for key, value in study["nnunet"].items() if key not in ("python", "own_augmentation_for")},
        "architecture": architecture,
        "augmentation": own_augmentation(arm, study),
        "ratio": arm["synthetic"]["ratio"] if arm["synthetic"] else 0.0,
        "keep_real": arm["translated"]["keep_real"] if arm["translated"] else True,
    }


def nnunet_python(study: Study, home: Path) -> Path:
    """The Python of nnU-Net's environment; variables and ~ are expanded."""
    return home / Path(os.path.expandvars(study["nnunet"]["python"])).expanduser()


def nnunet_lock(home: Path) -> str:
    """16 hex digits over the exact versions that nnU-Net's environment is made of."""
    return hashlib.sha256((home / LOCK).read_bytes()).hexdigest()[:16]
