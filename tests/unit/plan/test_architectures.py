"""Which arms an architecture can have, who judges translations, and whose code a training's fingerprint covers."""

from pathlib import Path
from typing import Any

import pytest

from cmrbridge.errors import InputError
from cmrbridge.plan.architectures import VOLUMETRIC, check_architectures, judge_architecture
from cmrbridge.plan.fingerprint import _closure

PACKAGE = Path(__file__).parents[3] / "src/cmrbridge"
NOTHING = {"synthetic": None, "translated": None, "test_translation": None}
PAIRS = {"generator": "spade", "ratio": 1.0, "step": None}


def study(architectures: list[str], **arm: Any) -> dict[str, Any]:
    return {"run": {"arms": ["odd"], "architectures": architectures, "skip": {}}, "arms": {"odd": NOTHING | arm}}


@pytest.mark.parametrize("name", VOLUMETRIC)
def test_generated_slices_make_no_stacks(name: str) -> None:
    with pytest.raises(InputError, match=rf"odd.*single slices.*{name}.*take odd out of run\.arms"):
        check_architectures(study(["unet2d", name], synthetic=PAIRS))
    check_architectures(study(["unet2d", name], synthetic=PAIRS | {"ratio": 0}))  # none are asked for
    check_architectures(study(["unet2d"], synthetic=PAIRS))
    check_architectures(study([name]))


def test_translations_are_judged_by_the_first_network_of_single_slices() -> None:
    """The candidates are a few slices of each volume: a 3-D network would take them for neighbours."""
    assert judge_architecture(study(["vnet", "dynunet2d", "unet2d"])) == "dynunet2d"
    for key in ("translated", "test_translation"):
        with pytest.raises(InputError, match=r"run\.architectures.*unet2d"):
            check_architectures(study(["unet3d"], **{key: {"method": "dda"}}))
        check_architectures(study(["unet3d", "unet2d"], **{key: {"method": "dda"}}))


@pytest.mark.parametrize(
    ("name", "helpers"),
    [
        ("unet2d", {"unet"}),
        ("unet3d", {"unet"}),
        ("vnet", set()),
        ("dynunet2d", {"dynunet", "planning"}),
        ("dynunet3d", {"dynunet", "planning"}),
    ],
)
def test_a_training_depends_on_its_own_networks_code_alone(name: str, helpers: set[str]) -> None:
    """A changed planning rule retrains the planned networks, and no other."""
    room = "cmrbridge.segmentation.architectures"
    covered = {module for module, _ in _closure({"cmrbridge.segmentation.train", f"{room}.{name}"}, PACKAGE)}
    found = {module.removeprefix(f"{room}.") for module in covered if module.startswith(f"{room}.")}
    assert found == {name, "fingerprint", "stacked", *helpers}
