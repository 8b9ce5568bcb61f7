"""Images from a trained SPADE model: vendors, references, pauses, and shards that change nothing."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cmrbridge.core.checkpoint import Paused, Resume
from cmrbridge.core.labels import write_labels
from cmrbridge.core.pack import Pack, read_pack
from cmrbridge.errors import InputError
from cmrbridge.synthesis.model import load_model
from cmrbridge.synthesis.render import ImageRendering, bounds, join_shards, render_references, render_shard
from reporters import silent


def render(
    training: Path,
    model: Path,
    checkpoint: Resume | None = None,
    shards: int = 1,
    ratio: float = 6.0,  # of 4 training slices: all 24 masks
    **settings: float,
) -> Pack:
    folder = training.parent
    labels = read_pack(training).labels
    assert labels is not None
    write_labels(folder / "masks.npz", labels.repeat(4, axis=0))
    masks, parts = folder / "masks.npz", [folder / f"part-{shard}.npz" for shard in range(1, shards + 1)]
    for shard, part in enumerate(parts, start=1):
        render_shard(
            settings=ImageRendering(**({"calls": 2, "batch": 5} | settings)),  # type: ignore[arg-type]
            training=training,
            model=model,
            masks=masks,
            ratio=ratio,
            part=part,
            shard=shard,
            shards=shards,
            seed=0,
            device="cpu",
            report=silent,
            checkpoint=checkpoint,
        )
    pair = {"images": folder / "images.npz", "gallery": folder / "gallery.png"}
    join_shards(training=training, masks=masks, ratio=ratio, parts=parts, seed=0, **pair)
    return read_pack(folder / "images.npz")


def test_guidance_wants_a_model_that_knows_no_mask(training: Path, train: Callable[..., Path]) -> None:
    model = train(training, drop=0.0)
    with pytest.raises(InputError, match="drop: 0"):
        render(training, model, guidance=1.5)


def test_one_vendor_has_no_embedding_and_two_have_one_case_each(
    tmp_path: Path, write_training: Callable[..., Path], train: Callable[..., Path]
) -> None:
    alone = write_training(tmp_path / "alone.npz", ("Siemens", "Siemens"))
    model = train(alone)
    assert load_model(model, "cpu").network.domain is None
    assert [case.vendor for case in render(alone, model).cases] == ["Siemens"]

    both = write_training(tmp_path / "both.npz", ("Siemens", "GE"))
    model = train(both)
    trained = load_model(model, "cpu")
    assert trained.vendors == ("GE", "Siemens")
    pack = render(both, model)
    assert {case.vendor for case in pack.cases} == {"GE", "Siemens"}
    # one slice in three shows a heart and is Siemens'
    assert [pack.cases[index].vendor for index in pack.case].count("GE") > len(pack.case) / 2


def test_paused_rendering_gives_the_same_images(tmp_path: Path, training: Path, train: Callable[..., Path]) -> None:
    model = train(training)
    whole = render(training, model, guidance=1.5).images
    state = tmp_path / "state"
    with pytest.raises(Paused):
        render(training, model, Resume(state, "s", stop=lambda: not state.exists()), guidance=1.5)
    assert np.array_equal(render(training, model, Resume(state, "s"), guidance=1.5).images, whole)


def test_references_follow_the_real_slices(
    tmp_path: Path, write_training: Callable[..., Path], train: Callable[..., Path]
) -> None:
    training = write_training(tmp_path / "training.npz", ("Siemens", "GE"))
    real = read_pack(training)
    assert real.labels is not None
    render_references(
        settings=ImageRendering(calls=2),
        training=training,
        model=train(training),
        images=tmp_path / "references.npz",
        seed=0,
        checkpoint=None,
        device="cpu",
        report=silent,
    )
    pack = read_pack(tmp_path / "references.npz")
    assert pack.labels is not None
    assert np.array_equal(pack.labels, real.labels[[0, 2, 3, 4, 5]])
    found = [(pack.cases[index].split, pack.cases[index].vendor) for index in pack.case]
    assert found == [("train", "Siemens"), *[("train", "GE")] * 2, *[("val", "Siemens")] * 2]


@pytest.mark.parametrize("shards", [2, 3, 9])
def test_how_many_shards_there_are_changes_no_image(
    tmp_path: Path, shards: int, write_training: Callable[..., Path], train: Callable[..., Path]
) -> None:
    """24 masks in batches of 5: nine shards of which some are empty give what one gives."""
    training = write_training(tmp_path / "training.npz", ("GE", "Siemens"))
    model = train(training)
    whole, parted = render(training, model), render(training, model, shards=shards)
    assert np.array_equal(whole.images, parted.images)
    assert whole.cases == parted.cases


def test_a_smaller_ratio_draws_the_first_of_the_images(training: Path, train: Callable[..., Path]) -> None:
    model = train(training)
    whole, few = render(training, model), render(training, model, ratio=2.5)
    assert len(few.images) == 10
    assert np.array_equal(few.images, whole.images[:10])


def test_shards_cover_every_mask_once() -> None:
    for count, batch, shards in [(24, 5, 1), (24, 5, 3), (24, 5, 9), (5, 32, 2), (64, 32, 2)]:
        found = [row for shard in range(1, shards + 1) for row in range(*bounds(count, batch, shard, shards))]
        assert found == list(range(count))


def test_no_masks_is_an_error_that_says_so(tmp_path: Path, training: Path, train: Callable[..., Path]) -> None:
    write_labels(tmp_path / "none.npz", np.zeros((0, 16, 16), np.uint8))
    with pytest.raises(InputError, match=r"none.npz: holds 0 masks, 2 are to be rendered"):
        render_shard(
            settings=ImageRendering(),
            training=training,
            model=train(training),
            masks=tmp_path / "none.npz",
            ratio=0.5,
            part=tmp_path / "part.npz",
            shard=1,
            shards=1,
            seed=0,
            checkpoint=None,
            device="cpu",
            report=silent,
        )
