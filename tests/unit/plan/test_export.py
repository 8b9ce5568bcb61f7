"""Which runs can leave a study: those whose answer one network gives from one image."""

from typing import Any

import pytest

from cmrbridge.errors import InputError
from cmrbridge.plan.config import resolve
from cmrbridge.plan.export import exportable, some, translators
from cmrbridge.plan.grid import grid

Config = dict[str, Any]


def arms(study: Config) -> set[str]:
    return set(exportable(grid(study), study).arm)


def test_no_arm_leaves_that_needs_help_at_test_time_or_saw_the_test(config: Config) -> None:
    config["run"]["arms"] = ["real", "classic", "dann", "da", "histogram", "oracle"]
    config["comparisons"]["primary_arm"] = "dann"
    assert arms(resolve(config)) == {"real", "classic", "dann"}


def test_named_arms_leave_alone(config: Config) -> None:
    study = resolve(config | {"app": {"arms": ["classic"]}})
    assert arms(study) == {"classic"}
    assert len(exportable(grid(study), study)) == 2, "both seeds"


@pytest.mark.parametrize(
    ("name", "why"), [("da", "redraws"), ("flip", "at test time"), ("oracle", "the targets' labels")]
)
def test_an_arm_that_cannot_leave_is_named(config: Config, name: str, why: str) -> None:
    config["run"]["arms"] = ["real", "classic", "synthetic", name]
    with pytest.raises(InputError, match=rf"app\.arms: {name} .*{why}"):
        resolve(config | {"app": {"arms": [name]}})


def test_an_arm_that_is_validated_on_other_subjects_is_not_chosen_beside_the_others(config: Config) -> None:
    config["arms"]["multi_centre"] = config["arms"]["classic"] | {"train_on": "centres"}
    config["run"]["arms"] = ["real", "classic", "multi_centre"]
    config["comparisons"]["primary_arm"] = "multi_centre"
    config["scenarios"]["scanners"] |= {"targets": ["eclipse"], "centres": ["aurora", "dusk"]}
    assert arms(resolve(config)) == {"real", "classic"}
    assert arms(resolve(config | {"app": {"arms": ["multi_centre"]}})) == {"multi_centre"}
    with pytest.raises(InputError, match=r"app\.arms: multi_centre is validated"):
        resolve(config | {"app": {"arms": ["classic", "multi_centre"]}})


def test_a_study_of_the_real_nnunet_says_so_before_any_work(config: Config) -> None:
    config["run"] |= {"architectures": ["nnunet2d"], "arms": ["real", "classic"]}
    config["comparisons"]["primary_arm"] = "real"
    study = resolve(config)
    with pytest.raises(InputError, match=r"can be exported\. The real nnU-Net"):
        some(exportable(grid(study), study))


def test_what_redraws_test_images_alone_goes_along(config: Config) -> None:
    config["run"]["arms"] = ["real", "classic", "da", "da_ensemble"]
    config["comparisons"]["primary_arm"] = "da"
    study = resolve(config)
    runs = grid(study)
    assert translators(runs, exportable(runs, study)) == [{"source": runs.source[0], "method": "dda"}]
    assert translators(runs[runs.arm != "da"], exportable(runs, study)) == []
