"""What of a NIfTI header is believed."""

import nibabel
import pytest

from cmrbridge.core.header import units

SPACE = {0: "unknown", 1: "meter", 2: "mm", 3: "micron", 7: "unknown"}  # 7: no unit of nifti1.h
TIME = {0: "unknown", 8: "sec", 16: "msec", 24: "usec", 56: "unknown"}  # nor 56


@pytest.mark.parametrize("space", SPACE)
@pytest.mark.parametrize("time", TIME)
def test_a_unit_that_is_none_does_not_spoil_the_other(space: int, time: int) -> None:
    header = nibabel.Nifti1Header()
    header["xyzt_units"] = space + time
    assert units(header) == (SPACE[space], TIME[time])
