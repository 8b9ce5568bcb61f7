"""What a study's config is refused for, each time with the key and the remedy."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.exceptions import WorkflowError
from snakemake.utils import update_config, validate

from cmrbridge.errors import InputError
from cmrbridge.plan.config import resolve
from cmrbridge.plan.grid import grid

ROOT = Path(__file__).parents[3]


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


def planned(overlay: dict[str, Any]) -> None:
    """As the Snakefile does it: the config, the places, the overlay, the schema, the study."""
    config = read("config.yaml")
    update_config(config, read("workflow/places.yaml"))
    update_config(config, overlay)
    validate(config, str(ROOT / "workflow/schemas/config.schema.yaml"))
    grid(resolve(config))


@pytest.mark.parametrize(
    ("overlay", "words"),
    [
        ("sedes: [1]", ["sedes"]),
        ("segmentation: {loop: {setps: 3}}", ["setps"]),
        ("run: {arms: [real, clasic]}", ["clasic", "run.arms", "classic"]),
        ("run: {scenarios: [nowhere]}", ["nowhere", "run.scenarios"]),
        ("preset: tpu", ["tpu", "presets"]),
        ("arms: {real: {augment: mega}}", ["mega", "arms.real.augment"]),
        ("scenarios: {scanners: {targets: [aurora]}}", ["aurora", "scanners"]),
        ("scenarios: {scanners: {unlabelled: []}}", ["dann", "unlabelled"]),
        ("image: {size: 50}", ["50"]),
        ("masks: {train: {channels: [32, 64, 96, 128]}}\nimage: {size: 48}", ["48", "masks.train"]),
        ("run: {architectures: [unet2d, unet2d]}", ["unet2d"]),
        ("run: {architectures: [unet2d, vnet]}", ["synthetic", "vnet", "run.arms"]),
        ("run: {architectures: [unet3d], arms: [real, classic, da]}\ncomparisons: {primary_arm: da}", ["unet2d"]),
        ("augmentations: {weak: {rotation: 20}}", ["geometry_chance"]),
        ("augmentations: {weak: {noise_chance: 0.5}}", ["noise"]),
        ("augmentations: {weak: {geometry_chance: 0.5}}", ["augmentations"]),
        ("augmentations: {classic: {gamma: [0, 1]}}", ["gamma"]),
        ("domains: {eclipse: {where: {phase: ED}}}", ["eclipse", "phase"]),
        ("domains: {all: {dataset: phantom}}\nscenarios: {scanners: {targets: [all, eclipse]}}", ["all", "share"]),
        ("domains: {eclipse: {split: {train: 0.9, val: 0.1}}}", ["eclipse", "test"]),
        ("datasets: {phantom: {scanners: [aurora, borealis, corona, dusk]}}", ["eclipse", "scanners"]),
        ("comparisons: {metrics: [hd95]}", ["primary_metric", "dice"]),
        ("comparisons: {primary_arm: classic}", ["primary_arm"]),
        ("comparisons: {margins: {dice: 0}}", ["margins", "dice"]),
        ("arms: {dann: {train_on: target}}", ["dann", "ceiling"]),
        ("comparisons: {primary_target: mars}", ["mars", "primary_target"]),
        ("arms: {dg: {translated: {method: gan}}}", ["gan", "translation.methods"]),
        ("arms: {synthetic: {synthetic: {step: 7}}}", ["7", "synthesis.train.keep"]),
        ("synthesis: {train: {channels: [64, 128, 192, 256, 320]}}\nimage: {size: 48}", ["48", "synthesis.train"]),
        ("translation: {train: {channels: [16, 16, 16, 16, 16, 16, 16]}}", ["64", "translation.train"]),
        ("app: {arms: [da]}", ["app.arms", "da", "redraws"]),
        ("app: {arms: [clasic]}", ["app.arms", "clasic"]),
        ("adversarial: {dann: {alone: 0.6}}", ["adversarial.dann", "alone", "start"]),
        ("shift: {probe: [nobody]}", ["nobody", "shift.probe", "run.arms"]),
        ("shift: {domains: [vgg]}", ["vgg"]),
        ("shift: {folds: 1}", ["folds"]),
        ("judge: nobody\nrun: {arms: [real, classic]}\ncomparisons: {primary_arm: real}", ["judge", "nobody"]),
        ("synthesis: {render: {guidance: 1.5}}", ["synthesis.train.drop", "guidance"]),
        ("translation: {methods: {dda: {reshade: [0.0004]}}}", ["reshade", "translation.methods.dda"]),
        ("study: ..", ["study"]),
        ("domains: {..: {dataset: phantom}}", [".."]),
        ("export: [png]\ndatasets: {phantom: {licence: ''}}", ["licence", "datasets.phantom"]),
        ("privacy: {false_alarms: 0}", ["false_alarms"]),
        ("domains: {a/b: {dataset: phantom}}", ["a/b"]),
        ("arms: {my arm: {augment: classic}}", ["my arm"]),
        ("run: {arms: [real, classic, synthetic, tent]}", ["arms.tent", "unet2d has not", "unet2d_batch"]),
        ("run: {arms: [real, classic, synthetic, adabn]}", ["arms.adabn", "unet2d has not", "unet2d_batch"]),
        ("arms: {flip: {test_time: flop}}\nrun: {arms: [real, classic, synthetic, flip]}", ["flop", "test_time"]),
        (
            "arms: {flip: {augment: classic}}\nrun: {arms: [real, classic, synthetic, flip]}",
            ["arms.flip", "mirror_chance"],
        ),
        ("test_time: {tent: {method: flip}}", ["test_time", "steps"]),
        ("augmentations: {weak: {painted_chance: 0.5}}", ["painted"]),
        ("arms: {mixstyle: {mixstyle: {alpha: 0}}}", ["alpha"]),
    ],
)
def test_a_wrong_config_is_refused_and_names_what_is_wrong(overlay: str, words: list[str]) -> None:
    with pytest.raises((WorkflowError, InputError)) as refused:
        planned(yaml.safe_load(overlay))
    assert all(word in str(refused.value) for word in words), refused.value
