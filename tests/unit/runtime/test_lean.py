"""A job's networks come without what MONAI takes along, and are the same networks."""

import subprocess
import sys

import pytest

from cmrbridge.runtime.lean import lean_imports

PROGRAM = """
import sys, torch
from cmrbridge.runtime.lean import OPTIONAL, lean_imports
{first}
with lean_imports():
    from cmrbridge.segmentation.architectures.unet import vanilla
    print(*sorted(OPTIONAL & sys.modules.keys()), sep=",")
    import scipy.ndimage
torch.manual_seed(0)
network = vanilla(4, 2, (2, 2, 2, 2)).eval()
print(network(torch.linspace(-1, 1, 1024).reshape(1, 1, 32, 32)).double().sum().item(), scipy.ndimage.gaussian_filter)
"""


def said_by(first: str) -> list[str]:
    """In a process of its own: once imported, a library stays as it was imported."""
    program = PROGRAM.format(first=first)
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.splitlines()


def test_a_network_loads_none_of_them_and_computes_what_monai_s_does() -> None:
    lean, whole = said_by(""), said_by("import monai")
    assert lean[0] == ""
    assert {"mlflow", "scipy"} <= set(whole[0].split(","))
    assert lean[1].split()[0] == whole[1].split()[0]


def test_the_finder_is_gone_after_an_error_too() -> None:
    before = list(sys.meta_path)
    with pytest.raises(KeyError), lean_imports():
        raise KeyError
    assert sys.meta_path == before
