"""What a study may ask of nnU-Net, and that its Python is looked for when a study starts."""

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cmrbridge.errors import InputError
from cmrbridge.plan.architectures import check_architectures, judge_architecture
from cmrbridge.plan.nnunet import check_environment, check_nnunet, nnunet_settings

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


@pytest.mark.parametrize(
    ("arm", "augmentation", "ratio", "keep_real"),
    [
        ("real", "none", 0.0, True),
        ("synthetic", "own", 1.0, True),
        ("dg", "own", 0.0, True),
        ("alone", "own", 0.0, False),
        *((arm, "own", 0.0, True) for arm in ("classic", "da", "da_ensemble", "oracle")),
    ],
)
def test_arms_that_make_sense_are_taken_and_their_training_told_what_counts(
    study: dict[str, Any], arm: str, augmentation: str, ratio: float, keep_real: bool
) -> None:
    study["arms"]["alone"] = study["arms"]["dg"] | {"translated": {"method": "dda", "keep_real": False}}
    study["run"]["arms"] = [arm]
    check_nnunet(study)
    told = nnunet_settings(study, arm, "nnunet2d")
    assert (told["augmentation"], told["ratio"], told["keep_real"]) == (augmentation, ratio, keep_real)
    assert told["mirror"], "as nnU-Net does by itself"
    assert "python" not in told, "where it lies changes no result"


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
