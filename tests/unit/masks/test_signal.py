"""Masks as distances: exact depths, the mask given back, and what moving may not break."""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from cmrbridge.core.anatomy import check_mask
from cmrbridge.masks.signal import REACH, moved, opened, to_labels, to_signal

SIZE = 16


def heart(size: int = SIZE) -> NDArray[np.uint8]:
    """A round LV in its ring, with an RV beside it."""
    y, x = np.mgrid[:size, :size] - size / 2
    labels = np.where((np.hypot(y, x - size / 4) < size / 4), 3, 0)
    labels[np.hypot(y, x) < 0.28 * size] = 2
    labels[np.hypot(y, x) < 0.16 * size] = 1
    return labels.astype(np.uint8)


def thin(size: int = SIZE) -> NDArray[np.uint8]:
    """A square cavity in a wall of one pixel."""
    labels = np.zeros((size, size), np.uint8)
    labels[4:13, 4:13], labels[5:12, 5:12] = 2, 1
    return labels


def move(
    labels: NDArray[np.uint8], *, rotate: float = 10, scale: float = 0.08, shift: float = 0.04
) -> NDArray[np.uint8]:
    signals, generator = to_signal(torch.from_numpy(labels)), torch.Generator().manual_seed(0)
    return to_labels(moved(signals, generator, rotate=rotate, scale=scale, shift=shift)).numpy()


def test_signals_are_distances_to_the_border() -> None:
    """A straight border between background and LV, four pixels each side; nothing else is there."""
    edge = np.repeat(np.array([[0, 0, 0, 0, 1, 1, 1, 1]], np.uint8), 8, axis=0)[None]
    signal = to_signal(torch.from_numpy(edge))[0].float() * REACH
    torch.testing.assert_close(
        signal[1, 3], torch.tensor([-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5]), rtol=0, atol=2e-3
    )
    torch.testing.assert_close(signal[0], -signal[1])
    torch.testing.assert_close(signal[2], signal[1])
    assert (signal[3] == -REACH).all()


def test_depths_are_those_of_scipys_distance_transform() -> None:
    noise = np.random.default_rng(0).choice(4, (4, 24, 20), p=[0.94, 0.02, 0.02, 0.02]).astype(np.uint8)
    masks = np.concatenate([noise, np.stack([heart(64)[8:56:2, 22:62:2]])])
    found = to_signal(torch.from_numpy(masks)).float()
    for mask, channels in zip(masks, found):
        for channel, classes in enumerate(([0], [1], [1, 2], [3])):
            inside = np.isin(mask, classes)
            assert inside.any()
            assert not inside.all()
            depth = np.where(inside, distance_transform_edt(inside) - 0.5, 0.5 - distance_transform_edt(~inside))
            wanted = torch.from_numpy(np.clip(depth / REACH, -1, 1)).float()
            torch.testing.assert_close(channels[channel], wanted, rtol=0, atol=1e-3)


def test_nothing_but_background_is_as_deep_as_can_be() -> None:
    signal = to_signal(torch.zeros((1, 4, 4), dtype=torch.uint8))
    assert (signal[:, 0] == 1).all()
    assert (signal[:, 1:] == -1).all()


def test_signals_give_every_mask_back() -> None:
    noise = np.random.default_rng(0).integers(0, 4, (5, SIZE, SIZE)).astype(np.uint8)
    for masks in (heart(64)[None], thin()[None], noise):
        assert np.array_equal(to_labels(to_signal(torch.from_numpy(masks))).numpy(), masks)


def test_moving_by_nothing_changes_nothing() -> None:
    signal = to_signal(torch.from_numpy(np.stack([heart()] * 3)))
    still = moved(signal, torch.Generator().manual_seed(0), rotate=0, scale=0, shift=0)
    torch.testing.assert_close(still, signal.float(), rtol=0, atol=1e-5)


def test_a_moved_heart_is_still_a_heart() -> None:
    labels = np.stack([heart(64)] * 8)
    out = move(labels)
    assert all(all(check_mask(mask).values()) for mask in out)
    assert not (out == labels).all()


def test_a_heart_that_leaves_the_picture_brings_background_in() -> None:
    corner = np.zeros((8, SIZE, SIZE), np.uint8)
    corner[:, :6, :6] = 2
    out = move(corner, rotate=0, scale=0, shift=0.2)
    assert not (out == corner).all()
    assert not out[:, 10:, :].any()
    assert not out[:, :, 10:].any()


def test_moving_opens_no_wall() -> None:
    labels = np.stack([thin()] * 64)
    out = move(labels, rotate=45, scale=0.3)
    assert not opened(torch.from_numpy(out)).any()
    kept = (out == labels).all(axis=(1, 2))
    assert 0 < kept.sum() < 64


def test_moving_loses_no_structure() -> None:
    """A cavity of one pixel falls between the pixels of a moved mask as a rule."""
    labels = np.zeros((64, SIZE, SIZE), np.uint8)
    labels[:, 6:9, 6:9], labels[:, 7, 7] = 2, 1
    out = move(labels, rotate=45, scale=0.3, shift=0.1)
    assert (out == 1).any(axis=(1, 2)).all()
    assert not (out == labels).all()


def test_open_walls_are_those_of_the_rule() -> None:
    random = np.random.default_rng(0)
    hearts = np.repeat(heart()[None], 60, axis=0)
    hits = random.integers(0, SIZE, (60, 2))
    hearts[np.arange(60), hits[:, 0], hits[:, 1]] = random.integers(0, 4, 60)
    noise = random.choice(4, (20, 4, 4), p=[0.1, 0.4, 0.4, 0.1]).astype(np.uint8)
    for masks in (hearts, noise):
        wanted = [not check_mask(mask)["lv_enclosed"] for mask in masks]
        assert opened(torch.from_numpy(masks)).tolist() == wanted
        assert 0 < sum(wanted) < len(wanted)
