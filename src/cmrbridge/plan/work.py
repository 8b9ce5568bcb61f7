"""How much a job has to do, told by its params alone: the same for a job that is planned and for one that has run."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import PurePath

from cmrbridge.plan.cohorts import Cohorts
from cmrbridge.plan.jobs import Job

MIRRORED = {"nnunet2d": 4, "nnunet3d": 8}  # ways to mirror an image along its axes, none of them among these
GENERATORS = ("train_masks", "train_synthesis", "train_translation")


@dataclass(frozen=True)
class Work:
    """What a job does in units that its time grows with. variant: what else of its config its rate depends on."""

    variant: str
    unit: str
    amount: float


def work_of(jobs: Iterable[Job], cohorts: Cohorts) -> list[Work]:
    """The work of each job of one study, by what it is told and by how many subjects its inputs hold."""
    study = _Study(list(jobs), cohorts)
    return [_RULES[job.rule](study, job) if job.rule in _RULES else Work("", "job", 1.0) for job in study.jobs]


class _Study:
    """The jobs of one study, found by rule and folder."""

    def __init__(self, jobs: list[Job], cohorts: Cohorts) -> None:
        self.jobs = jobs
        self.cohorts = cohorts
        self.made = {(job.rule, job.folder): job for job in jobs}
        self.side = next((int(job.params["settings"]["size"]) for job in jobs if job.rule == "ingest"), 64)

    def operations(self, rule: str, folder: str) -> float:
        """10⁹ multiplications of one call of the network that the training in ``folder`` made, as far as its widths
        tell: pixels of each level times its channels squared times its blocks. 1 where that training is not known."""
        training = self.made.get((rule, folder))
        if training is None:
            return 1.0
        told = training.params["settings"]
        side = self.side / told.get("fold", 1)
        levels = enumerate(told["channels"])
        return float(sum((side / 2**level) ** 2 * width**2 for level, width in levels) * told.get("layers", 1) / 1e9)

    def subjects(self, job: Job, *parts: str) -> int:
        """Subjects of these parts in the domains whose packs the job reads."""
        domains = [PurePath(path).parent.name for path in job.inputs if "/data/" in path and path.endswith(".npz")]
        return sum(self.cohorts.subjects(domain, part) for domain in dict.fromkeys(domains) for part in parts)


def _folder_of(job: Job, *names: str) -> str:
    """The folder of the input whose name starts with one of these."""
    return next(str(PurePath(path).parent) for path in job.inputs if PurePath(path).name.startswith(names))


def _generator(study: _Study, job: Job) -> Work:
    told = job.params["settings"]
    amount = told["steps"] * told["batch"] * study.operations(job.rule, job.folder)
    return Work("", "10^9 multiplications", amount)


def _drawing(rule: str, share: Callable[[Job], float]) -> Callable[[_Study, Job], Work]:
    """Sampling with the network of a training: subjects × share × calls × the network's operations."""

    def work(study: _Study, job: Job) -> Work:
        model = _folder_of(job, "model", "step-")
        amount = study.subjects(job, "train") * share(job) * job.params["settings"]["calls"]
        return Work("", "subjects x calls x 10^9 multiplications", amount * study.operations(rule, model))

    return work


def _candidates(study: _Study, job: Job) -> Work:
    told = job.params["settings"]
    calls = sum(one["calls"] for one in told["settings"].values()) * told["slices"]
    amount = study.subjects(job, "val") * calls * study.operations("train_translation", _folder_of(job, "model"))
    return Work("", "subjects x calls x 10^9 multiplications", amount)


def _translation(study: _Study, job: Job) -> Work:
    """Which candidate is chosen is not known before: the mean of their calls."""
    candidates = study.made[("translate_candidates", _folder_of(job, "choice"))].params["settings"]["settings"]
    calls = sum(one["calls"] for one in candidates.values()) / len(candidates)
    parts = ("train", "val") if job.wildcards["part"] == "training" else ("test",)
    amount = study.subjects(job, *parts) * calls * study.operations("train_translation", _folder_of(job, "model"))
    return Work("", "subjects x calls x 10^9 multiplications", amount)


def _segmenter(study: _Study, job: Job) -> Work:
    told = job.params["settings"]
    variant = job.wildcards["architecture"] + (" adversarial" if told["adversarial"] else "")
    return Work(variant, "slices x 10^6 pixels", told["loop"]["steps"] * told["batch"] * study.side**2 / 1e6)


def _caged(study: _Study, job: Job) -> Work:
    """nnU-Net's batch grows with the memory that it plans for."""
    told = job.params["settings"]
    return Work(job.wildcards["architecture"], "batches x GB", told["epochs"] * told["iterations"] * told["memory_gb"])


def _prediction(study: _Study, job: Job) -> Work:
    """Reading, resampling and writing cost more than most networks, so that all have one rate."""
    times = 2 if job.params.get("ensemble") else 1
    return Work("", "subjects", times * study.subjects(job, "test"))


def _caged_prediction(study: _Study, job: Job) -> Work:
    """nnU-Net's networks are large: its time is theirs, once for every way to mirror an image."""
    told = study.made["train_nnunet", _folder_of(job, "model")].params["settings"]
    passes = MIRRORED[told["architecture"]] if told["mirror"] and told["augmentation"] == "own" else 1
    return Work("", "subjects x passes x 10^6 pixels", _prediction(study, job).amount * passes * study.side**2 / 1e6)


def _scored(study: _Study, job: Job) -> Work:
    return Work("", "subjects", sum(study.cohorts.subjects(domain, "test") for domain in job.params["domains"]))


def _readers(looks: Callable[[Job], int]) -> Callable[[_Study, Job], Work]:
    """Fresh networks, each trained once per fold."""

    def work(study: _Study, job: Job) -> Work:
        told = job.params["settings"]
        return Work("", "training steps", looks(job) * told["folds"] * told["steps"])

    return work


def _of_subjects(*parts: str) -> Callable[[_Study, Job], Work]:
    return lambda study, job: Work("", "subjects", study.subjects(job, *parts))


def _of_dataset(study: _Study, job: Job) -> Work:
    return Work("", "subjects", study.cohorts.of_dataset(job.wildcards["dataset"]))


_RULES: dict[str, Callable[[_Study, Job], Work]] = {
    **dict.fromkeys(("phantom", "convert_dicom", "ingest"), _of_dataset),
    "split_domain": lambda study, job: Work(
        "", "subjects", sum(study.cohorts.subjects(job.wildcards["domain"], part) for part in ("train", "val", "test"))
    ),
    "check": lambda study, job: Work(
        "", "subjects", sum(study.cohorts.of_dataset(one["dataset"]) for one in job.params["settings"])
    ),
    **dict.fromkeys(GENERATORS, _generator),
    "sample_masks": _drawing("train_masks", lambda job: job.params["settings"]["ratio"]),
    "render_shard": _drawing("train_synthesis", lambda job: job.params["ratio"] / job.params["shards"]),
    "render_references": _drawing("train_synthesis", lambda job: 1.0),
    "translate_candidates": _candidates,
    "translate": _translation,
    "label_generated": _of_subjects("train"),
    "measure_generators": _of_subjects("train"),
    "audit_privacy": _of_subjects("train"),
    "train_segmenter": _segmenter,
    "train_nnunet": _caged,
    "predict": _prediction,
    "predict_nnunet": _caged_prediction,
    "evaluate": _scored,
    "write_features": _of_subjects("test"),
    "measure_probe": _readers(lambda job: len(job.params["runs"])),
    "measure_domains": _readers(lambda job: len(job.params["networks"]) * len(job.params["looks"])),
    "measure_pathologies": _readers(lambda job: len(job.params["networks"])),
}
