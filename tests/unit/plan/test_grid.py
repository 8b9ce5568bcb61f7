"""The grid of a study: which arms share a network, what each may see, and who judges."""

from typing import Any

import pytest

from cmrbridge.errors import InputError
from cmrbridge.plan.catalogue import merge
from cmrbridge.plan.config import judge_of, resolve
from cmrbridge.plan.grid import doses, grid, largest_ratio, networks_used, trainings


def test_arms_that_differ_at_test_time_alone_share_one_network(config: dict[str, Any]) -> None:
    config["run"] |= {"arms": ["real", "da", "classic", "da_ensemble", "dg"], "seeds": [0, 1]}
    config["comparisons"] |= {"primary_arm": "da"}
    runs = grid(resolve(config))
    assert dict(zip(runs.arm, runs.trained_as)) == {
        "real": "real",
        "da": "classic",  # whose test images are as they are, wherever it stands in the list
        "classic": "classic",
        "da_ensemble": "classic",
        "dg": "dg",
    }
    assert networks_used(runs) == {
        "unet2d": {"real": "real", "da": "classic", "classic": "classic", "da_ensemble": "classic", "dg": "dg"}
    }
    assert len(trainings(runs)) == 3 * 2
    assert dict(zip(runs.arm, runs.access))["da"] == "test-time"
    chosen = runs.drop_duplicates("arm").set_index("arm")
    assert chosen.test_translation.to_dict() | {} == {
        "real": "", "da": "dda", "classic": "", "da_ensemble": "dda", "dg": "",
    }  # fmt: skip
    assert chosen.ensemble.tolist() == [False, False, False, True, False]
    assert chosen.translated["dg"] == "dda"


def test_test_time_rivals_share_the_network_of_their_training(config: dict[str, Any]) -> None:
    arms = ["real", "tent", "classic", "flip", "mirrored", "histogram", "mixstyle", "adabn", "combined"]
    config["run"] |= {"arms": arms, "architectures": ["unet2d_batch"]}
    config["comparisons"] |= {"primary_arm": "tent"}
    runs = grid(resolve(config)).drop_duplicates("arm").set_index("arm")
    others = {"tent": "classic", "histogram": "classic", "adabn": "classic", "flip": "mirrored"}
    assert runs.trained_as.to_dict() == {arm: others.get(arm, arm) for arm in arms}
    blind = {"real", "classic", "mirrored", "mixstyle"}
    assert runs.access.to_dict() == {arm: "none" if arm in blind else "test-time" for arm in arms}
    assert runs.test_time[["classic", "tent", "combined"]].tolist() == ["", "tent", "flip"]


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"translation": {"methods": {"dda": {"start": [0.9]}}}}, r"dda.*top \(0\.3\)"),
        ({"translation": {"methods": {"dda": {"calls": [30]}}}}, r"dda.*30 calls"),
        ({"translation": {"methods": {"dda": {"factor": [3]}}}}, r"dda.*factor 3.*64"),
        ({"synthesis": {"train": {"keep": [400, 300]}}}, r"keep.*rising"),
        ({"synthesis": {"train": {"keep": [9000]}}}, r"keep.*2400"),
        ({"translation": {"methods": {"ilvr": {"scale": [1]}}}}, r"methods\.ilvr.*no scale"),
        ({"translation": {"methods": {"dda": {"method": "inversion"}}}}, r"methods\.dda.*no factor and no scale"),
    ],
)
def test_generators_that_cannot_work_are_refused_before_training(
    config: dict[str, Any], part: dict[str, Any], words: str
) -> None:
    merge(config, part)
    with pytest.raises(InputError, match=words):
        resolve(config)


@pytest.mark.parametrize(
    ("arm", "words"),
    [
        ({"train_on": "target", "test_translation": {"method": "dda", "ensemble": False}}, "ceiling"),
        ({"adversarial": "dann", "test_translation": {"method": "dda", "ensemble": False}}, "twice"),
        ({"train_on": "target", "test_time": "flip"}, "ceiling.*test_time"),
        ({"adversarial": "dann", "test_time": "flip"}, "test_time.*twice"),
        ({"test_time": "magic"}, r"arms\.odd\.test_time.*magic.*tent"),
        ({"test_time": "tent"}, r"arms\.odd: tent.*unet2d has not.*unet2d_batch"),
        ({"test_time": "flip"}, r"arms\.odd: flip.*'classic'.*augmentations\.classic\.mirror_chance"),
        ({"test_time": "adabn"}, r"arms\.odd: adabn.*unet2d has not.*unet2d_batch"),
        ({"translated": {"method": "cyclegan", "keep_real": True}}, r"cyclegan.*translation\.methods"),
    ],
)
def test_arms_that_make_no_sense_are_refused(config: dict[str, Any], arm: dict[str, Any], words: str) -> None:
    config["arms"]["odd"] = config["arms"]["classic"] | arm
    config["run"]["arms"] = ["real", "classic", "synthetic", "odd"]
    with pytest.raises(InputError, match=words):
        resolve(config)


def test_the_judge_learnt_from_real_source_images_alone(config: dict[str, Any]) -> None:
    study = resolve(config)
    assert judge_of(study) == study["comparisons"]["baseline"] == "classic"
    assert judge_of({**study, "judge": "real"}) == "real"
    with pytest.raises(InputError, match="synthetic"):
        judge_of({**study, "judge": "synthetic"})


def test_arms_that_differ_in_generated_pairs_alone_are_doses(config: dict[str, Any]) -> None:
    config["arms"]["half"] = config["arms"]["synthetic"] | {
        "synthetic": {"generator": "spade", "ratio": 0.5, "step": 7}
    }
    config["synthesis"]["train"]["keep"] = [7]
    assert doses(resolve(config)) == []  # the demo has one dose
    config["run"]["arms"] = ["real", "classic", "synthetic", "half", "dann"]
    found = [(one["arm"], one["ratio"], one["step"]) for one in doses(resolve(config))]
    assert found == [("classic", 0, None), ("synthetic", 1, None), ("half", 0.5, 7)]
    study = resolve(config)
    assert [largest_ratio(study, moment) for moment in ("", "end", "step-7", "step-8")] == [1, 1, 0.5, 0]
    config["arms"]["classic"]["synthetic"] = config["arms"]["half"]["synthetic"]
    assert doses(resolve(config)) == []  # the baseline has pairs itself


@pytest.mark.parametrize(("nested", "found"), [(True, 4), (False, 0)])
def test_sources_are_doses_only_where_they_are_nested(config: dict[str, Any], nested: bool, found: int) -> None:
    """Two hospitals of different size are no dose and response."""
    config["domains"]["few"] = {
        "dataset": "phantom",
        "where": {"scanner": "aurora" if nested else "dusk"},
        "split": {"train_subjects": 5, "split_as": "aurora"} if nested else {},
    }
    config["scenarios"]["few"] = {"source": "few", "unlabelled": [], "targets": ["eclipse"], "centres": []}
    config["run"] |= {"scenarios": ["scanners", "few"], "arms": ["real", "classic", "synthetic"]}
    assert len(doses(resolve(config))) == found


def test_a_domain_split_as_another_must_hold_the_same_subjects(config: dict[str, Any]) -> None:
    config["domains"]["aurora"]["split"] = {"split_as": "eclipse"}
    with pytest.raises(InputError, match=r"aurora.*eclipse.*where"):
        resolve(config)
