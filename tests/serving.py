"""A small real network in a real package, a real server with a real worker, and requests over a real socket."""

import contextlib
import hashlib
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from scipy import ndimage

from cmrbridge.evaluation.texture import subject_texture
from cmrbridge.evaluation.unlike import calibrated

SIZE, SPACING_MM = 64, 2.0
GREY = np.array([0.0, 255, 85, 170], np.float32)  # of background, LV, MYO, RV in what the network knows


def painted(labels: np.ndarray) -> np.ndarray:
    """The image of which the network's answer is ``labels``; it holds all four grey values."""
    return (1000 + 10 * GREY[labels]).astype(np.int16)


def write_network(path: Path, rounds: int = 0, sharpness: float = 1e-2) -> None:
    """One 1 × 1 convolution and a softmax: each pixel gets the class whose grey value is nearest.

    rounds: of work that changes nothing, for a network that takes its time.
    """
    weight = (2 * sharpness * GREY).reshape(4, 1, 1, 1).astype(np.float32)
    bias = (-sharpness * GREY**2).astype(np.float32)
    axes = numpy_helper.from_array(np.array([1], np.int64), "axes")
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["float", "axes"], ["grey-0"]),
            *(node for n in range(rounds) for node in _idle(n)),
            helper.make_node("Conv", [f"grey-{rounds}", "weight", "bias"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ],
        "nearest",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", SIZE, SIZE])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 4, SIZE, SIZE])],
        [
            axes,
            numpy_helper.from_array(np.zeros(1, np.float32), "zero"),
            numpy_helper.from_array(weight, "weight"),
            numpy_helper.from_array(bias, "bias"),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)


def _idle(n: int) -> list[onnx.NodeProto]:
    """Nodes that turn grey-n into an equal grey-(n + 1)."""
    return [
        helper.make_node("Erf", [f"grey-{n}"], [f"idle-{n}"]),
        helper.make_node("Mul", [f"idle-{n}", "zero"], [f"none-{n}"]),
        helper.make_node("Add", [f"grey-{n}", f"none-{n}"], [f"grey-{n + 1}"]),
    ]


def write_translator(path: Path) -> None:
    """One that turns dark to bright: 255 less the grey value."""
    shape = ["n", SIZE, SIZE]
    graph = helper.make_graph(
        [helper.make_node("BitwiseNot", ["image"], ["translated"])],
        "inverse",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, shape)],
        [helper.make_tensor_value_info("translated", TensorProto.UINT8, shape)],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)


def write_package(folder: Path, name: str = "fast", rounds: int = 0, adapt: bool = False) -> Path:
    """An exported folder, as the contract has it, with `write_network`'s network; adapt: and `write_translator`'s."""
    folder.mkdir(parents=True)
    write_network(folder / "model.onnx", rounds)
    about = {
        "format": 1,
        "name": name,
        "study": "toy",
        "arm": "classic",
        "architecture": "unet2d",
        "seeds": [0],
        "slices": "single",
        "image": {"size": SIZE, "spacing_mm": SPACING_MM, "percentiles": [0.5, 99.5]},
        "labels": {"LV": 1, "MYO": 2, "RV": 3},
        "validation_dice": 0.9,
        "scores": [],
        "licences": ["CC0"],
        "trained_on": "hearts of four grey values",
        "unlike": calibrated(*_textures()),
    }
    if adapt:
        write_translator(folder / "adapt.onnx")
        about["adapt"] = {"method": "dda", "why": "a toy", "mean_dice_gain_under_simulated_shifts": 0.1}
    (folder / "model.json").write_text(json.dumps(about))
    (folder / "card.md").write_text("# A toy\n")
    seal(folder)
    return folder


def _textures() -> tuple[np.ndarray, np.ndarray]:
    """Of 24 and 8 painted hearts, ED and ES, which differ in size and in where the crop's pixels fall."""
    x, y = np.meshgrid(np.arange(SIZE) - 30, np.arange(SIZE) - 34, indexing="ij")
    random, found = np.random.default_rng(0), []
    for _ in range(32):
        stacks, place = [], random.uniform(-10, 10, 2)
        for radius in (random.uniform(9, 12), random.uniform(5, 8)):
            labels = np.zeros((SIZE, SIZE), np.uint8)
            labels[np.hypot(x + 19, y) < radius - 2] = 3
            labels[np.hypot(x, y) < 14] = 2
            labels[np.hypot(x, y) < radius] = 1
            moved = np.rint(ndimage.shift(GREY[labels], place, order=1)).astype(np.uint8)
            stacks.append(np.repeat(moved[None], 3, axis=0))
        found.append(subject_texture(stacks))
    return np.array(found[:24]), np.array(found[24:])


def seal(folder: Path) -> None:
    """Write checksums.json over all other files."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "checksums.json"]
    sums = {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    (folder / "checksums.json").write_text(json.dumps(sums))


class Served:
    """A running server: its port, token and the folder that everything temporary lies in."""

    def __init__(self, process: subprocess.Popen[str], temporary: Path) -> None:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        self.process, self.temporary = process, temporary
        place, _, self.token = address.partition("#")
        self.port = int(place.rstrip("/").rpartition(":")[2])

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, token: bool = True
    ) -> tuple[int, dict[str, str], bytes]:
        """(status, headers, body) of one request on a connection of its own."""
        sent = {"Authorization": f"Bearer {self.token}"} if token else {}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, path, body, sent | (headers or {}))
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def json(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        status, _, content = self.ask(method, path, body)
        return status, json.loads(content) if content else None

    def segment(self, case: str, model: str = "fast") -> list[dict[str, Any]]:
        """All lines of the stream."""
        status, _, content = self.ask("POST", f"/api/cases/{case}/segment?model={model}")
        assert status == 200
        return [json.loads(line) for line in content.splitlines()]

    def left(self) -> list[str]:
        """Files of cases that lie in the server's temporary folder."""
        root = next(self.temporary.glob("cmrbridge-app-*"), self.temporary)
        return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.name != "lock")

    def workers(self) -> list[int]:
        """Processes that the server started."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(pid) for task in tasks for pid in task.read_text().split()]


@contextlib.contextmanager
def running(packages: list[Path], temporary: Path, **allowed: float) -> Iterator[Served]:
    """A server in a process of its own; ``allowed``: what differs from `settings.Allowed`."""
    program = (
        "import json, sys; from pathlib import Path; from cmrbridge.app.serve import serve;"
        "from cmrbridge.app.settings import Allowed;"
        "serve([Path(one) for one in sys.argv[2:]], 0, False, Allowed(**json.loads(sys.argv[1])))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, json.dumps(allowed), *map(str, packages)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(temporary)},
    )
    try:
        yield Served(process, temporary)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    left = [path.as_posix() for path in temporary.rglob("*")]
    assert left == [], f"left on the disk: {left}"
