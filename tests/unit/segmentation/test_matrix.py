"""Every architecture in every arm of the catalogue: three steps, a file, a prediction; or refused by the config."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from snakemake.utils import validate

from cmrbridge.core.pack import Pack, read_pack, write_pack
from cmrbridge.errors import InputError
from cmrbridge.plan.architectures import VOLUMETRIC
from cmrbridge.plan.config import BATCH_NORM, resolve
from cmrbridge.plan.grid import by_keys, grid, training_settings
from cmrbridge.segmentation.architectures import NAMES
from cmrbridge.segmentation.predict import load_segmenter, segment_subject
from cmrbridge.segmentation.segmenter import Segmenter
from cmrbridge.segmentation.test_time import predictor
from cmrbridge.segmentation.train import settings_from, train_segmenter

ROOT = Path(__file__).parents[3]
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())
validate(CONFIG, ROOT / "workflow/schemas/config.schema.yaml")
SLOW = {("vnet", arm) for arm in CONFIG["arms"]} - {("vnet", arm) for arm in ("classic", "da", "da_ensemble", "dann")}
CELLS = [
    pytest.param(architecture, arm, marks=[pytest.mark.long] if (architecture, arm) in SLOW else [])
    for architecture in NAMES
    for arm in CONFIG["arms"]
]
LOOP = {"steps": 3, "learning_rate": 1e-3, "checkpoint_every": 0, "report_every": 1}


def study_of(architecture: str, arm: str) -> dict[str, Any]:
    """The demo with this cell, and with the baseline of a 2-D network that judges translations."""
    config = copy.deepcopy(CONFIG)
    judge = architecture if architecture in BATCH_NORM else "unet2d"
    arms, architectures = dict.fromkeys(["classic", arm]), dict.fromkeys([judge, architecture])
    config["run"] |= {"arms": list(arms), "architectures": list(architectures), "seeds": [0]}
    config["comparisons"] |= {"baseline": "classic", "reference": "classic", "primary_arm": arm}
    return resolve(config)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, toy_pack: Callable[..., Pack]) -> Path:
    folder = tmp_path_factory.mktemp("matrix")
    for name in ("training", "translated"):
        write_pack(folder / f"{name}.npz", toy_pack())
    for name in ("images", "test", "translated_test"):
        write_pack(folder / f"{name}.npz", toy_pack((3, 5), split="test"))
    write_pack(folder / "pairs.npz", toy_pack((1,) * 8, split=""))
    return folder


def train(architecture: str, arm: str, study: dict[str, Any], folder: Path) -> Path:
    """The arm's network, trained once: arms that differ at test time share it."""
    run = by_keys(grid(study))["scanners", arm, architecture, "0"]
    model, losses = folder / f"{architecture}-{run.trained_as}.safetensors", []
    if model.exists():
        return model
    train_segmenter(
        settings=settings_from(training_settings(study, arm, architecture) | {"batch": 4, "loop": LOOP}),
        training=[folder / "training.npz"] * len(run.training),
        synthetic=folder / "pairs.npz" if run.synthetic else None,
        translated=folder / "translated.npz" if run.translated else None,
        unlabelled=[folder / "images.npz"] * len(run.unlabelled),
        model=model,
        seed=0,
        checkpoint=None,
        device="cpu",
        report=lambda step, total=None, **values: losses.append(values["loss"]),
    )
    assert len(losses) == 3
    assert np.isfinite(losses).all()
    return model


@pytest.mark.parametrize(("architecture", "arm"), CELLS)
def test_trains_saves_loads_and_predicts_or_is_refused(architecture: str, arm: str, folder: Path) -> None:
    if architecture in VOLUMETRIC and CONFIG["arms"][arm]["synthetic"]:
        with pytest.raises(InputError, match=rf"{arm}.*single slices.*{architecture}.*take {arm} out"):
            study_of(architecture, arm)
        return
    if CONFIG["arms"][arm]["test_time"] in ("adabn", "tent") and architecture not in BATCH_NORM:
        with pytest.raises(InputError, match=rf"{arm}.*{architecture} has not.*{BATCH_NORM[0]}"):
            study_of(architecture, arm)
        return
    study = study_of(architecture, arm)
    network, size = load_segmenter(train(architecture, arm, study, folder), "cpu")
    run = by_keys(grid(study))["scanners", arm, architecture, "0"]
    packs = ["translated_test"] if run.test_translation else ["test"]
    looks = [read_pack(folder / f"{name}.npz") for name in packs + (["test"] if run.ensemble else [])]
    settings = study["test_time"].get(run.test_time)
    reference = folder / "images.npz" if settings and settings["method"] == "histogram" else None
    labels = segment_subject(predictor(Segmenter(network, 64), settings, reference), looks, [1], "cpu")[0]
    assert labels.shape == (size, size, 5)
    assert set(np.unique(labels)) <= {0, 1, 2, 3}
