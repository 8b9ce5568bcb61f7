"""What a job says of its inputs before it reads them."""

from pathlib import Path

import pytest

from cmrbridge.errors import InputError
from cmrbridge.runtime.digests import input_digests


def test_a_file_of_a_data_set_that_cannot_be_read_is_not_named(tmp_path: Path) -> None:
    """The job `admit` says this, before a line of it has run, and files are named after people."""
    (tmp_path / "Planted_Jane.nii").symlink_to("/proc/self/mem")  # whoever reads it, there is an error
    with pytest.raises(InputError, match="a file in it cannot be read") as caught:
        input_digests([tmp_path])
    assert str(caught.value).startswith(str(tmp_path))
    assert "Jane" not in str(caught.value)
    assert caught.value.__suppress_context__, "a log's traceback would name it"
