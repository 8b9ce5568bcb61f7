"""Whether a study's trainings can be shared by several processes and stay what one process would train."""

from collections.abc import Iterator
from typing import Any

from cmrbridge.errors import InputError
from cmrbridge.plan.architectures import BATCH_NORM

Study = dict[str, Any]


def check_processes(study: Study) -> None:
    """InputError where a batch can't be shared equally, or a network would see no more of it than its share."""
    count = study["processes"]
    if count == 1:
        return
    for key, batch in _batches(study):
        if batch % count:
            raise InputError(
                f"{key}: {batch} can't be shared equally by {count} processes; choose a multiple of {count}"
            )
    whole = "needs the whole batch in one process; set processes to 1, or take it out of run"
    for name in study["run"]["architectures"]:
        if name in BATCH_NORM:
            raise InputError(f"run.architectures: {name} normalises over the batch and {whole}")
    for name in study["run"]["arms"]:
        if study["arms"][name]["mixstyle"]:
            raise InputError(f"run.arms: {name} mixes styles within the batch and {whole}")


def _batches(study: Study) -> Iterator[tuple[str, int]]:
    for stage in ("masks", "synthesis", "translation"):
        yield f"{stage}.train.batch", study[stage]["train"]["batch"]
    yield "segmentation.batch", study["segmentation"]["batch"]
