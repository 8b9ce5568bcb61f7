"""Stacks of slices: how they are drawn, that repeats count for nothing, and that cases don't touch one another."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from cmrbridge.core.loop import LoopSettings
from cmrbridge.core.pack import Pack, write_pack
from cmrbridge.segmentation import architectures
from cmrbridge.segmentation.architectures.fingerprint import Fingerprint
from cmrbridge.segmentation.predict import segment_subject
from cmrbridge.segmentation.segmenter import Segmenter
from cmrbridge.segmentation.slices import Images, gather, read_images
from cmrbridge.segmentation.train import SegmenterSettings, _labelled_batch, build_trainee, objective
from cmrbridge.segmentation.validate import predicted_labels

DATA = Fingerprint(size=32, spacing_mm=5.0, slices=4, slice_mm=10.0)
ToyPack = Callable[..., Pack]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images_of(counts: list[int]) -> Images:
    case = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    return Images(torch.zeros(len(case), 4, 4, dtype=torch.uint8), case)


def test_stacks_are_neighbours_of_one_case_and_every_slice_is_drawn() -> None:
    images = images_of([9, 4, 5])
    rows, new = images.draw(400, 4, generator())
    stacks = rows.view(400, 4)
    assert new.all()
    assert torch.equal(stacks - stacks[:, :1], torch.arange(4).expand(400, 4))
    cases = images.case[stacks]
    assert torch.equal(cases, cases[:, :1].expand_as(cases))
    assert set(rows.tolist()) == set(range(18))


def test_a_short_case_is_drawn_whole_between_repeats_that_are_marked() -> None:
    rows, new = images_of([7, 3]).draw(50, 6, generator())
    short = [(r, n) for r, n in zip(rows.view(50, 6).tolist(), new.view(50, 6).tolist()) if r[0] >= 7]
    assert short
    for stack, first_time in short:
        assert stack == [7, 7, 8, 9, 9, 9]
        assert first_time == [False, True, True, True, False, False]


def test_single_slices_are_drawn_as_before() -> None:
    rows, new = images_of([3, 8]).draw(20, 1, generator(5))
    assert torch.equal(rows, torch.randint(11, (20,), generator=generator(5)))
    assert new.all()


def test_unknown_stays_unknown_and_repeats_are_wholly_unknown(toy_pack: ToyPack) -> None:
    """A network of stacks learns nothing about a structure that the case does not annotate, in any of its slices."""
    slices = gather([toy_pack((3, 3), split="test", annotated=("LV", "MYO"))], "cpu")
    settings = SegmenterSettings("unet3d", LoopSettings(steps=1, learning_rate=0.1), batch=8)
    _, labels, known = _labelled_batch(slices, settings, 4, generator())
    assert (len(labels), int(known[:, 0].sum())) == (8, 6)
    assert torch.equal(known[:, 0], known[:, 1])
    assert not known[:, 3].any()
    trainee = build_trainee(settings, DATA, 1, 0)
    first = objective(trainee, settings, slices, [])(0, generator())[0]
    slices.labels[slices.labels == 3] = 0
    assert torch.equal(first, objective(trainee, settings, slices, [])(0, generator())[0])


def test_unlabelled_images_keep_their_cases(tmp_path: Path, toy_pack: ToyPack) -> None:
    write_pack(tmp_path / "images.npz", toy_pack((4, 2), split="test"))
    assert read_images(tmp_path / "images.npz", 32, "cpu").case.tolist() == [0] * 4 + [1] * 2


def test_a_case_is_segmented_as_if_it_were_alone(toy_pack: ToyPack) -> None:
    """Among others, in whatever batch: no slice of another case comes into its stack."""
    torch.manual_seed(0)
    network = architectures.build("unet3d", DATA).eval()
    pack = toy_pack((5, 2, 7), split="test")
    slices = gather([pack], "cpu")
    together = predicted_labels(network, slices.images, 2, slices.case)
    with torch.no_grad():
        for index in range(3):
            alone = predicted_labels(network, slices.images[slices.case == index], 64)
            assert torch.equal(together[slices.case == index], alone)
    for batch in (1, 64):
        whole = segment_subject(Segmenter(network, batch), [pack], [1], "cpu")[0]
        np.testing.assert_array_equal(whole, segment_subject(Segmenter(network, 2), [pack.select([1])], [0], "cpu")[0])
