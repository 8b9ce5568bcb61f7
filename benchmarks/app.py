"""How long the page waits: `cmrbridge serve`, warm, asked over its socket as the page asks it.

An ED and ES stack of 24 slices in all at 256², and a cine of 25 frames of 12 slices; the phantom's patient, the cine
made by its beat. A round opens the study anew, so that nothing is told from memory; what opening takes is a row of its
own. Memory is the peak of the worker's and of the server's resident pages together. With --nnunet, a trained nnU-Net
(model.safetensors of an arm with nnunet2d), the same stack goes through `nnUNetv2_predict` and `cmrbridge predict` too.
"""

import argparse
import gzip
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nibabel
import numpy as np
from app_nnunet import beside_nnunet
from common import Row, publish

from cmrbridge.app.settings import cores
from cmrbridge.data.phantom.cohort import draw_anatomy
from cmrbridge.data.phantom.scan import scan
from cmrbridge.data.phantom.scanner import SCANNERS

SIDE, SLICES, FRAMES = 256, 12, 25
PROGRAMS = 3  # runs of a whole program


def study(frames: int) -> bytes:
    """A gzipped NIfTI file (SIDE, SIDE, SLICES, frames): between a phantom's ED and ES to and fro."""
    result = scan(draw_anatomy(np.random.default_rng(1), "NOR"), SCANNERS["aurora"], np.random.default_rng(2))
    ed, es = (_fitted(result.images[phase]).astype(np.float32) for phase in ("ED", "ES"))
    shares = [(1 - np.cos(2 * np.pi * number / frames)) / 2 for number in range(frames)]
    cine = np.stack([ed + share * (es - ed) for share in shares], axis=3).astype(np.int16)
    return gzip.compress(bytes(nibabel.Nifti1Image(cine, result.affine).to_bytes()), 1)


def _fitted(image: np.ndarray) -> np.ndarray:
    """Cut or padded to the shape that is timed."""
    wanted = (SIDE, SIDE, SLICES)
    beside = [(max(w - s, 0) // 2, max(w - s, 0) - max(w - s, 0) // 2) for s, w in zip(image.shape, wanted)]
    return np.pad(image, beside, mode="edge")[:SIDE, :SIDE, :SLICES]


class Page:
    """Asks as the page does."""

    def __init__(self, models: list[Path], temporary: str) -> None:
        command = [sys.executable, "-m", "cmrbridge", "serve", "--no-browser", *map(str, models)]
        self.server = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=os.environ | {"TMPDIR": temporary}
        )
        assert self.server.stdout is not None
        place, _, self._token = self.server.stdout.readline().strip().partition("#")
        self._port = int(place.rstrip("/").rpartition(":")[2])

    def ask(self, method: str, path: str, body: bytes | None = None) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=600)
        connection.request(method, path, body, {"Authorization": f"Bearer {self._token}"})
        answer = connection.getresponse()
        if answer.status >= 400:
            raise SystemExit(f"{method} {path}: {answer.status} {answer.read().decode()}")
        return answer

    def round(self, content: bytes, model: str) -> dict[str, float]:
        """Seconds to open the study, to its first mask, to its last, and to the end of the stream."""
        start = time.perf_counter()
        case = json.load(self.ask("POST", "/api/cases", content))["case"]
        found = {"open": time.perf_counter() - start}
        start = time.perf_counter()
        for line in self.ask("POST", f"/api/cases/{case}/segment?model={model}"):
            told = json.loads(line)
            if "error" in told:
                raise SystemExit(told["error"])
            if "frame" in told:
                found.setdefault("first mask", time.perf_counter() - start)
                found["all masks"] = time.perf_counter() - start
        found["end"] = time.perf_counter() - start
        self.ask("DELETE", f"/api/cases/{case}")
        return found

    def peak_mib(self) -> float:
        """Of the server and what it started, each at its largest."""
        tasks = Path(f"/proc/{self.server.pid}/task").glob("*/children")
        pids = [self.server.pid, *(int(pid) for task in tasks for pid in task.read_text().split())]
        texts = [Path(f"/proc/{pid}/status").read_text() for pid in pids]
        return sum(int(re.findall(r"VmHWM:\s+(\d+)", text)[0]) for text in texts) / 1024


def timed(page: Page, name: str, content: bytes, model: str, repeats: int) -> Row:
    """Median seconds over ``repeats`` rounds, after one to warm up."""
    rounds = [page.round(content, model) for _ in range(repeats + 1)][1:]
    medians: Row = {part: float(np.median([one[part] for one in rounds])) for part in rounds[0]}
    return {"study": name, "model": model, **medians, "rounds": repeats, "peak MiB": page.peak_mib()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path, nargs="+", help="folders of exported networks")
    parser.add_argument("--nnunet", type=Path, help="model.safetensors of a trained nnU-Net, to stand beside")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--json", type=Path, help="write the table there too")
    asked = parser.parse_args()
    studies = {"ED and ES, 24 slices": study(2), f"cine, {FRAMES} frames": study(FRAMES)}
    with tempfile.TemporaryDirectory() as temporary:
        page = Page(asked.models, temporary)
        try:
            rows = [
                timed(page, name, content, json.loads((folder / "model.json").read_text())["name"], asked.repeats)
                for name, content in studies.items()
                for folder in asked.models
            ]
        finally:
            page.server.send_signal(signal.SIGTERM)
            page.server.wait()
    tables = {f"cmrbridge serve, {cores()} cores, seconds": rows}
    if asked.nnunet:
        stack = next(iter(studies.values()))
        tables["a program, from start to end, ED and ES"] = beside_nnunet(
            asked.models[0], asked.nnunet, stack, PROGRAMS
        )
    publish(tables, asked.json)


if __name__ == "__main__":
    main()
