"""A study in words: what each arm learns from and adds, what a domain serves, whose prediction is a mean."""

from typing import Any

from cmrbridge.plan.config import resolve
from cmrbridge.plan.grid import grid
from cmrbridge.plan.words import alone, arms, augmentations, averaged, roles


def study(config: dict[str, Any], *chosen: str, **run: Any) -> dict[str, Any]:
    config["run"] |= {"arms": ["real", "classic", *chosen], "seeds": [0], **run}
    config["comparisons"] |= {"primary_arm": chosen[0]}
    return resolve(config)


def test_each_arm_says_what_it_learns_from_and_adds(config: dict[str, Any]) -> None:
    told = study(config, "synthetic", "dann", "dg", "da_ensemble", "oracle")
    said = arms(told, grid(told))
    assert {arm: one["does"] for arm, one in said.items()} == {
        "real": "no augmentation",
        "classic": "augmentation classic",
        "synthetic": "augmentation classic; generated pairs, 1 per real slice",
        "dann": "augmentation classic; features that do not tell the domain (dann), and more of its own images a step",
        "dg": "augmentation classic; training images redrawn by dda beside the real ones",
        "da_ensemble": "augmentation classic; at test time: test images redrawn by dda in the source's look, averaged "
        "with the originals; network shared with classic",
        "oracle": "augmentation classic",
    }
    assert said["dann"]["training"] == "aurora; images without outlines of borealis, corona"
    assert said["oracle"]["training"] == "borealis, corona, dusk, eclipse"
    assert list(augmentations(told)) == ["classic"]
    assert augmentations(told)["classic"].startswith("rotation, scale and shift, bias field, ")


def test_strengths_without_chances_disturb_nothing(config: dict[str, Any]) -> None:
    config["augmentations"]["still"] = {"rotation": 30}
    config["arms"]["still"] = config["arms"]["classic"] | {"augment": "still"}
    told = study(config, "still")
    assert arms(told, grid(told))["still"]["does"] == "no augmentation"
    assert list(augmentations(told)) == ["classic"]


def test_the_network_alone_is_scored_by_the_arm_that_adapts_nothing(config: dict[str, Any]) -> None:
    told = study(config, "da")
    runs = grid(told)
    assert {run.arm: alone(told, runs, run) for run in runs.itertuples()} == {
        "real": "real",
        "classic": "classic",
        "da": "classic",
    }
    config["arms"]["da"]["augment"] = "mild"  # no other arm of this study trains so
    told = study(config, "da")
    runs = grid(told)
    assert [alone(told, runs, run) for run in runs.itertuples()] == ["real", "classic", ""]


def test_a_domain_serves_what_the_runs_take_of_it(config: dict[str, Any]) -> None:
    told = study(config, "dann", "oracle")
    assert roles(told, grid(told), "aurora") == ["source"]
    assert roles(told, grid(told), "corona") == ["trains oracle", "images without outlines for dann", "target"]
    config["scenarios"]["scanners"] |= {"targets": ["eclipse"], "centres": ["aurora", "dusk"]}
    config["arms"]["centres"] = config["arms"]["classic"] | {"train_on": "centres"}
    told = study(config, "centres")
    found = {domain: roles(told, grid(told), domain) for domain in ("corona", "dusk", "eclipse")}
    assert found == {"corona": ["not used by any arm"], "dusk": ["trains centres"], "eclipse": ["target"]}


def test_a_mean_is_told_of_nnunet_too_which_mirrors_by_itself(config: dict[str, Any]) -> None:
    told = study(config, "flip", "da_ensemble", architectures=["unet2d", "nnunet2d"], skip={"nnunet2d": ["flip"]})
    assert averaged(told, grid(told)) == (
        "Averaged over mirror images: flip; over mirror images by nnunet2d: classic, da_ensemble; "
        "over original and redrawn image: da_ensemble"
    )
    config["nnunet"]["mirror"] = False
    told = study(config, "da", architectures=["unet2d", "nnunet2d"], skip={})
    assert averaged(told, grid(told)) == "None"
