"""What a study may ask of nnU-Net, and that its Python is looked for when a study starts."""

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cmrbridge.errors import InputError
from cmrbridge.plan.architectures import check_architectures, judge_architecture
from cmrbridge.plan.nnunet import check_environment, check_nnunet, own_augmentation

ROOT = Path(__file__).parents[3]
DEFAULTS = dict.fromkeys(("synthetic", "adversarial", "mixstyle", "translated", "test_translation", "test_time")) | {
    "train_on": "source"
}


@pytest.fixture
def study() -> dict[str, Any]:
    study = yaml.safe_load((ROOT / "config.yaml").read_text())
    study["arms"] = {name: DEFAULTS | arm for name, arm in study["arms"].items()}
    study["nnunet"]["python"] = sys.executable
    study["run"] |= {"arms": ["classic"], "architectures": ["nnunet2d"]}
    return study


@pytest.mark.parametrize("arm", ["real", "classic", "synthetic", "dg", "da", "da_ensemble", "oracle"])
def test_arms_that_make_sense_are_taken(study: dict[str, Any], arm: str) -> None:
    study["run"]["arms"] = [arm]
    check_nnunet(study)


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ({"arms": ["dann"]}, "arms.dann.*without adversarial"),
        ({"arms": ["mixstyle"]}, "arms.mixstyle.*without mixstyle"),
        ({"arms": ["flip"]}, "arms.flip.*without test_time"),
        ({"arms": ["mild"]}, "arms.mild.*own augmentation.*'mild'.*own_augmentation_for"),
        ({"arms": ["gin"]}, "arms.gin.*own augmentation"),
    ],
)
def test_arms_that_nnunet_would_ignore_are_refused(study: dict[str, Any], run: dict[str, Any], words: str) -> None:
    study["run"] |= run
    with pytest.raises(InputError, match=words):
        check_nnunet(study)


def test_generated_slices_make_no_volume_and_nnunet_no_judge(study: dict[str, Any]) -> None:
    study["run"] |= {"arms": ["synthetic"], "architectures": ["nnunet3d"]}
    with pytest.raises(InputError, match=r"synthetic.*single slices.*nnunet3d"):
        check_architectures(study)
    study["run"] |= {"arms": ["dg"], "architectures": ["nnunet2d"]}
    with pytest.raises(InputError, match="unet2d"):
        check_architectures(study)
    study["run"]["architectures"] = ["nnunet2d", "unet2d"]
    assert judge_architecture(study) == "unet2d"


def test_a_missing_environment_is_refused_with_the_command_that_makes_it(study: dict[str, Any], tmp_path: Path) -> None:
    check_environment(study, tmp_path)
    study["nnunet"]["python"] = ".venv-nnunet/bin/python"
    with pytest.raises(InputError, match=r"nnunet\.python.*make nnunet-env"):
        check_environment(study, tmp_path)
    study["run"]["architectures"] = ["unet2d"]
    check_environment(study, tmp_path)  # who does not ask for it needs it not


def test_its_augmentation_stands_for_the_strong_recipe_and_none_switches_it_off(study: dict[str, Any]) -> None:
    found = {name: own_augmentation(study["arms"][name], study) for name in ("real", "classic")}
    assert found == {"real": "none", "classic": "own"}
