"""The machine under a job: device, dtype, threads, seeds, and what a record tells of them."""

import importlib.metadata
import os
import platform
import random
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import cmrbridge
from cmrbridge.errors import InputError

LIBRARIES = (
    "numpy", "scipy", "pandas", "statsmodels", "torch", "monai", "diffusers", "einops", "safetensors", "nibabel",
    "pydicom", "matplotlib", "seaborn", "snakemake", "mlflow",
)  # fmt: skip
BETWEEN_SAMPLES = 30.0  # seconds
FAST_BFLOAT16 = {"avx512_bf16", "amx_bf16"}


def choose_device() -> str:
    """ "cuda" where torch sees one, else "cpu"; CMRBRIDGE_DEVICE overrules."""
    import torch

    wanted = os.environ.get("CMRBRIDGE_DEVICE", "")
    if wanted not in ("", "cpu", "cuda"):
        raise InputError(f'CMRBRIDGE_DEVICE is "{wanted}": set it to cpu or cuda, or leave it out')
    if wanted == "cuda" and not torch.cuda.is_available():
        raise InputError("CMRBRIDGE_DEVICE is cuda but torch sees no CUDA device: unset it, or install a CUDA build")
    return wanted or ("cuda" if torch.cuda.is_available() else "cpu")


def resolve_precision(name: str, device: str) -> str:
    """ "auto" becomes bfloat16 where the device computes it fast, else float32."""
    if name not in ("auto", "float32", "bfloat16"):
        raise InputError(f'precision is "{name}": choose auto, float32 or bfloat16')
    if name != "auto":
        return name
    if device == "cuda":
        import torch

        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast = bool(FAST_BFLOAT16 & set(_cpuinfo("flags").split()))
    return "bfloat16" if fast else "float32"


def prepare_torch(threads: int, seed: int | None) -> None:
    """Threads, deterministic algorithms (a warning in the log where an operation has none) and torch's seed."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    import torch

    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a pass over memory
    torch.backends.cudnn.benchmark = False
    if seed is not None:
        torch.manual_seed(seed)


def seed_generators(seed: int) -> None:
    """Python's and numpy's global generators, for libraries that draw from them."""
    random.seed(seed)
    np.random.seed(seed % 2**32)


def usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def device_name(device: str | None) -> str:
    if device == "cuda":
        import torch

        return torch.cuda.get_device_name()
    return _cpuinfo("model name") or platform.machine()


def peak_memory() -> dict[str, float]:
    """Largest resident memory of the process, and of the device where one was used, in MB."""
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes there, KiB on Linux
    peaks = {"peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)}
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        peaks["peak_device_memory_mb"] = round(torch.cuda.max_memory_allocated() / 1e6, 1)
    return peaks


class Load:
    """What the process takes of the machine, sampled now and then."""

    def __init__(self) -> None:
        self._last = (time.monotonic(), time.process_time())

    def sample(self) -> dict[str, float] | None:
        """Share of one core since the last sample, and the memory's peaks so far; None where that is not long ago."""
        now, busy = time.monotonic(), time.process_time()
        seconds = now - self._last[0]
        if seconds < BETWEEN_SAMPLES:
            return None
        share = 100 * (busy - self._last[1]) / seconds
        self._last = (now, busy)
        return {"cpu_percent": round(share, 1), **peak_memory()}


def versions() -> dict[str, str]:
    """Of Python, of this package and of those libraries that the job has loaded."""
    loaded = [name for name in LIBRARIES if name in sys.modules]
    found = {"python": platform.python_version(), "cmrbridge": cmrbridge.__version__}
    for name in loaded:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def git_commit() -> str | None:
    """Commit of the code, with "+dirty" where tracked files differ from it; None outside a repository."""
    folder = Path(cmrbridge.__file__).parent
    command = ["git", "--no-optional-locks", "-C", str(folder)]
    try:
        commit = _output([*command, "rev-parse", "HEAD"])
        changes = _output([*command, "status", "--porcelain", "--untracked-files=no"])
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + ("+dirty" if changes else "")


def _output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()


def _cpuinfo(key: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == key), "")
