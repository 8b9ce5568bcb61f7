"""What the benchmarks of synthesis share: phantom slices, MONAI's network, fair timing, tables."""

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from monai.networks.nets import SPADEDiffusionModelUNet
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from cmrbridge.core.anatomy import CLASSES
from cmrbridge.core.pack import Pack, read_pack
from cmrbridge.data.frames import IngestSettings
from cmrbridge.data.ingest import ingest
from cmrbridge.data.phantom.generate import PhantomSettings, generate_phantom

Bytes = NDArray[np.uint8]
Row = dict[str, str | float]


class MonaiSpade(nn.Module):
    """MONAI's SPADEDiffusionModelUNet on folded pixels, with the interface of `cmrbridge.synthesis.network`."""

    def __init__(self, channels: Sequence[int], fold: int) -> None:
        super().__init__()
        self.fold = fold
        self.net = SPADEDiffusionModelUNet(
            spatial_dims=2,
            in_channels=fold**2,
            out_channels=fold**2,
            label_nc=CLASSES * fold**2,
            num_res_blocks=[1] * len(channels),
            channels=list(channels),
            attention_levels=[False] * len(channels),  # the middle block has one anyway
            norm_num_groups=8,
            num_head_channels=8,
            spade_intermediate_channels=32,
        )

    def condition(self, mask: Tensor) -> Tensor:
        return F.pixel_unshuffle(mask, self.fold)

    def forward(self, x: Tensor, time: Tensor, modulation: Tensor) -> Tensor:
        return F.pixel_shuffle(self.net(F.pixel_unshuffle(x, self.fold), time, modulation), self.fold)


def phantom_pack(subjects: int, size: int) -> Pack:
    """The prepared pack of subjects of one scanner, in no split yet."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cohort = PhantomSettings(scanners=("aurora",), subjects=subjects)
        generate_phantom(settings=cohort, folder=folder, report=lambda *values, **named: None)
        reading = IngestSettings(dataset="phantom", reader="manifest", size=size, spacing_mm=160 / size)
        files = [folder / part for part in ("subjects.csv", "prepared.npz", "picture.png")]
        ingest(
            settings=reading,
            folder=folder,
            subjects=files[0],
            prepared=files[1],
            picture=files[2],
            report=lambda *values, **named: None,
        )
        return read_pack(files[1])


def phantom_slices(subjects: int, size: int) -> tuple[Bytes, Bytes, Bytes, Bytes]:
    """(images, labels) of subjects of one scanner, then (images, labels) of 4 others: foreground slices (n, y, x)."""
    pack = phantom_pack(subjects + 4, size)
    assert pack.labels is not None
    names = list(dict.fromkeys(case.subject for case in pack.cases))
    held_out = np.array([case.subject in names[subjects:] for case in pack.cases])[pack.case]
    shown = pack.labels.any(axis=(1, 2))
    rows = [shown & ~held_out, shown & held_out]
    return pack.images[rows[0]], pack.labels[rows[0]], pack.images[rows[1]], pack.labels[rows[1]]


def interleaved(jobs: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median seconds of each job. One warm-up, then rounds in turn, so that a busy machine slows all alike."""
    found: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(repeats + 1):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            if turn:
                found[name].append(time.perf_counter() - start)
    return {name: float(np.median(seconds)) for name, seconds in found.items()}


def parameters(module: nn.Module) -> int:
    return sum(value.numel() for value in module.parameters())


def thread_counts() -> list[int]:
    """One thread, then all."""
    return sorted({1, torch.get_num_threads()})


def options(text: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=text)
    parser.add_argument("--json", type=Path, help="write the table there too")
    parser.add_argument("--repeats", type=int, default=11, help="timed rounds; the median counts")
    parser.add_argument("--size", type=int, default=64, help="pixels a side")
    parser.add_argument("--seed", type=int, default=0)
    return parser


def publish(tables: dict[str, list[Row]], path: Path | None) -> None:
    """Print tables, and write them as JSON with the machine they were measured on."""
    for title, rows in tables.items():
        print(f"\n{title}")
        cells = [list(rows[0]), *([_cell(row[name]) for name in rows[0]] for row in rows)]
        widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
        for line in cells:
            print("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())
    if path:
        machine = {"machine": platform.processor() or platform.machine(), "cores": torch.get_num_threads()}
        path.write_text(json.dumps(machine | {"torch": torch.__version__} | tables, indent=1) + "\n", encoding="utf-8")


def _cell(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"
