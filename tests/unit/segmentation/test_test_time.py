"""Test-time rivals: what each paper's equation says, one subject at a time, and a network left as it was."""

from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.exposure import match_histograms
from torch.testing import assert_close

from cmrbridge.core.geometry import Grid
from cmrbridge.core.pack import Case, Pack, write_pack
from cmrbridge.errors import InputError
from cmrbridge.segmentation import architectures
from cmrbridge.segmentation.architectures.fingerprint import Fingerprint
from cmrbridge.segmentation.intensity import standardise
from cmrbridge.segmentation.predict import segment_subject, subjects_of
from cmrbridge.segmentation.segmenter import Segmenter
from cmrbridge.segmentation.test_time import NAMES, predictor
from cmrbridge.segmentation.test_time.adabn import batch_norms
from cmrbridge.segmentation.test_time.histogram import matching
from cmrbridge.segmentation.test_time.tent import entropy

SIZE = 32
DATA = Fingerprint(size=SIZE, spacing_mm=1.5, slices=4, slice_mm=8.0)
VALUES = {"tent": {"steps": 3, "learning_rate": 1e-2}}


def network(name: str = "unet2d_batch") -> torch.nn.Module:
    """With statistics of a training that never was, and weights that make its logits differ."""
    torch.manual_seed(0)
    net = architectures.build(name, DATA)
    for _ in range(5):
        net(standardise(torch.rand(8, 1, SIZE, SIZE)))
    return net.eval()


def slices(n: int = 5, seed: int = 0) -> torch.Tensor:
    return torch.randint(256, (n, SIZE, SIZE), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def pack(images: np.ndarray, subjects: list[str], phases: list[str], per_case: int) -> Pack:
    grid = Grid((SIZE, SIZE, per_case), (1.5, 1.5, 8.0), True, True, False, (15.5, 15.5), SIZE, 1.5)
    cases = [Case("toy", "toy", *of, "test", (), (8.0, 1.5, 1.5), grid) for of in zip(subjects, phases)]
    number = np.repeat(np.arange(len(cases), dtype=np.int32), per_case)
    return Pack(images, None, number, np.tile(np.arange(per_case, dtype=np.int32), len(cases)), tuple(cases))


def made(name: str, segmenter: Segmenter, folder: Path):
    reference = None
    if name == "histogram":
        reference = folder / "images.npz"
        write_pack(reference, pack(slices(4, seed=9).numpy() // 2, ["r"], ["ED"], 4))
    return predictor(segmenter, {"method": name, **VALUES.get(name, {})}, reference)


@pytest.mark.parametrize("name", NAMES)
def test_a_subject_after_another_is_predicted_as_alone(name: str, tmp_path: Path) -> None:
    """Nothing of subject A is left for subject B, not a bit, nor in the network."""
    net = network()
    trained = {key: value.clone() for key, value in net.state_dict().items()}
    segment = made(name, Segmenter(net, 3), tmp_path)
    first = segment(slices(4, seed=1))
    after = segment(slices(6, seed=2))
    alone = made(name, Segmenter(network(), 3), tmp_path)(slices(6, seed=2))
    assert torch.equal(after, alone)
    assert torch.equal(segment(slices(4, seed=1)), first)
    assert all(torch.equal(value, trained[key]) for key, value in net.state_dict().items())
    assert not net.training
    assert_close(after.sum(1), torch.ones(6, SIZE, SIZE))


def test_both_phases_of_a_subject_and_no_other_are_seen_together() -> None:
    images = slices(6).numpy()
    packed = pack(images, ["a", "b", "a"], ["ED", "ED", "ES"], 2)
    seen, cases = [], []

    def segment(shown: torch.Tensor, case: torch.Tensor) -> torch.Tensor:
        seen.append(shown.numpy())
        cases.append(case.tolist())
        return torch.nn.functional.one_hot(shown.long() % 4, 4).movedim(-1, 1).float()

    assert subjects_of(packed) == [[0, 2], [1]]
    found = {
        index: labels
        for of in subjects_of(packed)
        for index, labels in zip(of, segment_subject(segment, [packed], of, "cpu"))
    }
    assert cases == [[0, 0, 1, 1], [0, 0]]
    np.testing.assert_array_equal(seen[0], images[[0, 1, 4, 5]])
    np.testing.assert_array_equal(seen[1], images[[2, 3]])
    for index in range(3):
        upright = found[index].transpose(2, 1, 0)[:, ::-1]
        np.testing.assert_array_equal(upright, images[2 * index : 2 * index + 2] % 4)


@pytest.mark.parametrize("name", ["flip", "histogram"])
def test_a_network_of_stacks_sees_one_case_at_a_time(name: str, tmp_path: Path) -> None:
    segment = made(name, Segmenter(architectures.build("unet3d", DATA).eval(), 3), tmp_path)
    images = slices(3).repeat(2, 1, 1)  # two cases that look alike, so that one is found as the other
    found = segment(images, torch.tensor([0, 0, 0, 1, 1, 1]))
    assert torch.equal(found[:3], found[3:])
    assert not torch.equal(segment(images), found)


@pytest.mark.parametrize("axes", [(1,), (2,), (1, 2)], ids=["rows", "columns", "both"])
def test_flip_averaging_flips_with_the_image_exactly(axes: tuple[int, ...]) -> None:
    segmenter, images = Segmenter(network(), 3), slices()
    averaged = predictor(segmenter, {"method": "flip"}, None)
    flipped = tuple(axis + 1 for axis in axes)
    assert torch.equal(averaged(images.flip(axes)), averaged(images).flip(flipped))
    assert not torch.equal(segmenter(images.flip(axes)), segmenter(images).flip(flipped))


def test_flip_averaging_is_the_mean_of_four() -> None:
    segmenter, images = Segmenter(network(), 3), slices()
    four = [segmenter(images.flip(*[axes])).flip([axis + 1 for axis in axes]) for axes in ([], [1], [2], [1, 2])]
    assert_close(predictor(segmenter, {"method": "flip"}, None)(images), torch.stack(four).mean(0))


def counts(images: np.ndarray) -> np.ndarray:
    return np.bincount(images.ravel(), minlength=256)


def test_a_histogram_matched_onto_itself_is_the_identity() -> None:
    images = slices().numpy() // 3
    table = matching(counts(images), counts(images))
    np.testing.assert_array_equal(table[images], images)


def test_a_monotone_change_of_the_source_is_undone() -> None:
    images = slices().numpy() // 4
    brighter = np.rint(255 * (np.arange(64) / 63) ** 0.7).astype(np.uint8)
    disturbed = brighter[images]
    assert (np.diff(brighter.astype(int)) > 0).all(), "a level that is lost can't be brought back"
    np.testing.assert_array_equal(matching(counts(disturbed), counts(images))[disturbed], images)


def test_matching_is_that_of_scikit_image_and_ignores_how_many_images_there_are() -> None:
    own, reference = (slices(3, seed=1).numpy() // 2) ** 2 // 70, slices(7, seed=2).numpy() // 4 + 100
    wanted = match_histograms(own.astype(float), reference.astype(float))
    found = matching(counts(own), counts(reference))[own]
    assert np.abs(found - wanted).max() <= 0.5
    np.testing.assert_array_equal(matching(counts(own), 3 * counts(reference))[own], found)


def test_histogram_predicts_the_matched_slices(tmp_path: Path) -> None:
    reference = slices(4, seed=5).numpy() // 2
    write_pack(tmp_path / "images.npz", pack(reference, ["r"], ["ED"], 4))
    segmenter, images = Segmenter(network("unet2d"), 3), slices(4)
    table = torch.from_numpy(matching(counts(images.numpy()), counts(reference)))
    found = predictor(segmenter, {"method": "histogram"}, tmp_path / "images.npz")(images)
    assert torch.equal(found, segmenter(table[images.long()]))
    write_pack(tmp_path / "none.npz", pack(reference[:0], [], [], 0))
    with pytest.raises(InputError, match=r"none\.npz"):
        predictor(segmenter, {"method": "histogram"}, tmp_path / "none.npz")


def test_adabn_with_the_statistics_of_training_changes_nothing() -> None:
    """Where the trained statistics are the subject's own, taking the subject's own gives the same probabilities."""
    net, images = network(), slices(6)
    hooks = [layer.register_forward_pre_hook(_learn_statistics) for layer in batch_norms(net)]
    segmenter = Segmenter(net, 6)
    trained = segmenter(images)
    for hook in hooks:
        hook.remove()
    assert_close(segmenter(images), trained)
    assert_close(predictor(segmenter, {"method": "adabn"}, None)(images), trained, atol=1e-5, rtol=1e-4)
    other = slices(6, seed=3) // 4 + torch.arange(SIZE, dtype=torch.uint8)
    assert (predictor(segmenter, {"method": "adabn"}, None)(other) - segmenter(other)).abs().max() > 1e-3


def _learn_statistics(layer: torch.nn.Module, inputs: tuple[torch.Tensor]) -> None:
    """Mean and biased variance of what enters, as the running statistics."""
    variance, mean = torch.var_mean(inputs[0], dim=(0, 2, 3), correction=0)
    layer.running_mean.copy_(mean)
    layer.running_var.copy_(variance)


def test_adabn_normalises_by_the_whole_subject_whatever_the_batch() -> None:
    images = slices(7)
    found = [predictor(Segmenter(network(), batch), {"method": "adabn"}, None)(images) for batch in (2, 64)]
    assert torch.equal(*found)


def test_entropy_by_hand() -> None:
    logits = torch.stack([torch.zeros(4), torch.tensor([1e4, 0, 0, 0])]).view(2, 4, 1, 1)
    assert float(entropy(logits[:1])) == pytest.approx(np.log(4))
    assert float(entropy(logits)) == pytest.approx(np.log(4) / 2)


def test_tent_lowers_the_entropy_and_more_steps_lower_it_more() -> None:
    images = slices(6)

    def mean_entropy(settings: dict) -> float:
        return float(entropy(predictor(Segmenter(network(), 6), settings, None)(images).log()))

    start = mean_entropy({"method": "adabn"})
    one, five = (mean_entropy({"method": "tent", "steps": steps, "learning_rate": 1e-3}) for steps in (1, 5))
    assert five < one < start


def test_tent_moves_nothing_but_the_weights_of_batch_norm(monkeypatch: pytest.MonkeyPatch) -> None:
    net = network()
    before = {name: value.clone() for name, value in net.named_parameters()}
    during: dict[str, torch.Tensor] = {}
    called = Segmenter.__call__

    def spy(self: Segmenter, images: torch.Tensor, case: torch.Tensor | None = None) -> torch.Tensor:
        during.update({name: value.detach().clone() for name, value in net.named_parameters()})
        return called(self, images, case)

    monkeypatch.setattr(Segmenter, "__call__", spy)
    predictor(Segmenter(net, 3), {"method": "tent", "steps": 1, "learning_rate": 1e-2}, None)(slices())
    moved = {name for name in before if not torch.equal(before[name], during[name])}
    affine = {id(weight) for layer in batch_norms(net) for weight in layer.parameters()}
    assert moved == {name for name, weight in net.named_parameters() if id(weight) in affine}


@pytest.mark.parametrize("name", ["adabn", "tent"])
def test_a_network_without_batch_norm_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="unet2d_batch"):
        predictor(Segmenter(network("unet2d"), 3), {"method": name, **VALUES.get(name, {})}, None)


def test_unknown_methods_and_values_are_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"magic.*tent"):
        predictor(Segmenter(network(), 3), {"method": "magic"}, None)
    with pytest.raises(InputError, match=r"flip.*steps"):
        predictor(Segmenter(network(), 3), {"method": "flip", "steps": 3}, None)
