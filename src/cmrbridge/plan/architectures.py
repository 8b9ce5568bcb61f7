"""Which architectures a study's arms can have: refused before anything trains where a network can't learn from them."""

from typing import Any

from cmrbridge.errors import InputError

CAGED = ("nnunet2d", "nnunet3d")  # the real nnU-Net, in an environment of its own
VOLUMETRIC = ("unet3d", "vnet", "dynunet3d")  # learn from whole stacks (segmentation.architectures, which loads torch)
BATCH_NORM = ("unet2d_batch",)  # architectures that have it; a test holds this against the networks

Study = dict[str, Any]


def arms_of(study: Study, architecture: str) -> list[str]:
    """The chosen arms that this architecture takes: all but those that ``run.skip`` names."""
    skipped = study["run"]["skip"].get(architecture, [])
    return [arm for arm in study["run"]["arms"] if arm not in skipped]


def check_architectures(study: Study) -> None:
    """InputError that names an arm of single slices and the 3-D architecture that is to learn from them, or the
    network that is missing to judge translations."""
    volumetric = [name for name in study["run"]["architectures"] if name in (*VOLUMETRIC, "nnunet3d")]
    for architecture, arm in ((one, arm) for one in volumetric for arm in arms_of(study, one)):
        if (study["arms"][arm]["synthetic"] or {}).get("ratio"):
            raise InputError(
                f"run.arms: {arm} learns from generated pairs, which are single slices, and {architecture} "
                f"from whole stacks; take {arm} out of run.arms, or name it in run.skip.{architecture}"
            )
    if any(study["arms"][arm][key] for arm in study["run"]["arms"] for key in ("translated", "test_translation")):
        judge_architecture(study)


def judge_architecture(study: Study) -> str:
    """The first architecture of single slices outside nnU-Net's cage: generated and translated slices, which it
    judges, are no stacks, and the jobs that ask it run in our own environment."""
    flat = [name for name in study["run"]["architectures"] if name not in (*VOLUMETRIC, *CAGED)]
    if not flat:
        raise InputError(
            "run.architectures: arms that translate images need a network of single slices, to judge the candidates "
            "by; add a 2-D one of ours, such as unet2d"
        )
    return str(flat[0])
