"""Which runs of a study can leave it as a model of their own: one network, one image, one answer."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from cmrbridge.errors import InputError
from cmrbridge.plan.architectures import CAGED
from cmrbridge.plan.catalogue import known

Study = dict[str, Any]


def obstacle(arm: Mapping[str, Any]) -> str:
    """Why no network of this arm can be exported, "" where one can."""
    if arm["train_on"] == "target":
        return "learns from the targets' labels, which are its test"
    if arm["test_translation"]:
        return "redraws an image before it segments it"
    return "does more at test time than one network sees in one image" if arm["test_time"] else ""


def check_export(study: Study) -> None:
    """InputError that names an arm of ``app.arms`` which can't be exported, or not chosen beside the others."""
    named = study["app"]["arms"]
    for name in named:
        known(name, study["run"]["arms"], "app.arms", "run.arms")
        if why := obstacle(study["arms"][name]):
            raise InputError(
                f"app.arms: {name} {why}; name arms whose prediction one network makes from the image alone"
            )
    elsewhere = [name for name in named if _on_centres(study["arms"][name])]
    if elsewhere and len(elsewhere) < len(named):
        raise InputError(
            f"app.arms: {elsewhere[0]} is validated on the subjects of all its centres, the others on the source's, so "
            "their validation Dice does not choose between them; name arms of one kind"
        )


def _on_centres(arm: Mapping[str, Any]) -> bool:
    return bool(arm["train_on"] == "centres")


def exportable(runs: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The rows of `grid` that the exported networks are chosen from: of ``app.arms``, or of all arms that qualify and
    are validated on the source's own subjects, by whose Dice they are chosen."""
    arms = study["arms"]
    able = [name for name in study["run"]["arms"] if not obstacle(arms[name]) and not _on_centres(arms[name])]
    wanted = study["app"]["arms"] or able
    return runs[runs.arm.isin(wanted) & ~runs.architecture.isin(CAGED)]


def translators(runs: pd.DataFrame, exported: pd.DataFrame) -> list[dict[str, str]]:
    """source and method of what redraws test images for arms of ``runs`` that segment nothing else, of the sources that
    ``exported`` (of `exportable`) learn from."""
    asked = runs[(runs.test_translation != "") & ~runs.ensemble.astype(bool) & runs.source.isin(exported.source)]
    pairs = dict.fromkeys(zip(asked.source, asked.test_translation))
    return [{"source": source, "method": method} for source, method in pairs]


def some(runs: pd.DataFrame) -> pd.DataFrame:
    """``runs``; InputError, before any work, where there is none to export."""
    if runs.empty:
        raise InputError(
            "export: no network of this study can be exported. The real nnU-Net (nnunet2d, nnunet3d) runs in an "
            "environment of its own and stays there, and so do arms that do more than one network sees in one image: "
            "add one of our architectures to run.architectures, and an arm such as classic to run.arms. (An arm that "
            "trains on several centres is exported where app.arms names it.)"
        )
    return runs
