"""A frame through an exported network and back onto its file's grid, as the workflow does it (segmentation.predict)."""

import dataclasses
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmrbridge.app.case import Case, frame
from cmrbridge.app.package import Package, read_packages
from cmrbridge.core.geometry import Grid, restore
from cmrbridge.data.canonical import canonical_slices
from cmrbridge.data.place import middle_grid
from cmrbridge.data.volume import Volume
from cmrbridge.errors import InputError
from cmrbridge.evaluation.unlike import score

Centre = tuple[float, float]
NO_ROOM = re.compile("Failed to allocate memory|bad_alloc")


@dataclass(frozen=True)
class Network:
    """A package's network, loaded, and its translator where it has one."""

    package: Package
    session: Any
    translator: Any = None


def load_network(package: Package, threads: int) -> Network:
    """The networks of a verified package; InputError where the runtime cannot read one."""
    translator = _session(package.translator, threads) if package.translator else None
    return Network(package, _session(package.network, threads), translator)


def load_networks(folders: list[Path], threads: int) -> dict[str, Network]:
    """Name → network of `read_packages`; adapted twins share what is loaded."""
    found: dict[str, Network] = {}
    for name, package in read_packages(folders).items():
        twin = found.get(package.exported)
        found[name] = dataclasses.replace(twin, package=package) if twin else load_network(package, threads)
    return found


def _session(network: Path, threads: int) -> Any:
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read on import; without it the runtime reports to its maker
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # cores are shared with the page
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(network.read_bytes(), options, ["CPUExecutionProvider"])
    except Exception as error:  # the runtime has an exception of its own for each way to fail
        raise InputError(
            f"{network}: not a network that this version runs ({type(error).__name__}); export it again"
        ) from error


def grid_of(package: Package, volume: Volume, centre: Centre | None) -> Grid:
    """Where the network's crop lies in a frame; around the image's middle where no heart was found."""
    grid = middle_grid(volume, package.size, package.spacing_mm)
    return grid if centre is None else dataclasses.replace(grid, centre=centre)


def slices_of(package: Package, volume: Volume, centre: Centre | None) -> NDArray[np.uint8]:
    """Canonical slices (slice, size, size) of a frame."""
    return canonical_slices(volume.voxels, grid_of(package, volume, centre))


def segment(network: Network, volume: Volume, centre: Centre | None) -> NDArray[np.uint8]:
    """Labels (x, y, slice) of one frame on its own grid."""
    return outlined(network, slices_of(network.package, volume, centre), grid_of(network.package, volume, centre))


def outlined(network: Network, images: NDArray[np.uint8], grid: Grid) -> NDArray[np.uint8]:
    """Labels (x, y, slice), on the file's grid, of canonical slices that lie in it as ``grid`` says."""
    return restore(asked(network.session, "probabilities", images), grid)


def asked(session: Any, output: str, images: NDArray[np.uint8]) -> Any:
    """What a loaded network makes of images; MemoryError where its runtime says that it found no room."""
    try:
        return session.run([output], {"image": images})[0]
    except Exception as error:
        if NO_ROOM.search(str(error)):
            raise MemoryError(str(error)) from None
        raise


def unlike(package: Package, folder: Path, case: Case) -> dict[str, Any] | None:
    """How unlike a case's ED and ES are the images that the network learnt from, and in words; None where the package
    cannot tell."""
    known = package.about.get("unlike")
    if not known:
        return None
    stacks = [
        slices_of(package, frame(folder, case, number), case.centre) for number in dict.fromkeys([case.ed, case.es])
    ]
    verdict = score(stacks, known)
    words = f"the images are like those that the model learnt from ({package.about['trained_on']})"
    if verdict.warn:
        words = (
            f"the images are unlike those that the model learnt from ({package.about['trained_on']}): of these, at most"
            f" {100 * verdict.rarer:.0f} % are as unlike the others; look at every outline before you use a number"
        )
    return {"score": verdict.score, "limit": verdict.limit, "warn": verdict.warn, "words": words}
