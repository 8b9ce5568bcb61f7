"""``cmrbridge``: what a study would cost, who works on it; and the trainings without Snakemake, from packed files, in
resumable slices, on a borrowed machine."""

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cmrbridge
from cmrbridge.errors import InputError
from cmrbridge.plan.fingerprint import fingerprint
from cmrbridge.runtime.job import Run, standalone
from cmrbridge.runtime.stop import explanation, is_pause

ERRORS = 1  # of the data that were looked at
USER_ERROR = 2
PAUSED = 75  # EX_TEMPFAIL: run the same again
QUIET = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "HF_HUB_OFFLINE": "1",
}
Train = Callable[[argparse.Namespace, dict[str, Any], Run], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; gives the exit code: 0 done, 1 errors in checked data, 2 the user's to mend, 75 to be run again."""
    asked = parser().parse_args(arguments)
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        return int(asked.command(asked) or 0)
    except Exception as error:
        line = explanation(error)
        if line is None:
            raise
        print(line, file=sys.stderr)
        return PAUSED if is_pause(error) else USER_ERROR


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="cmrbridge", description=__doc__)
    top.add_argument("--version", action="version", version=f"cmrbridge {cmrbridge.__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    segmenter = commands.add_parser("train-segmenter", help="train a segmenter on prepared packs")
    segmenter.set_defaults(train=train_segmenter, module="segmentation.train", synthetic=None)
    segmenter.add_argument("--synthetic", type=Path, metavar="PACK", help="pack of synthetic pairs")
    segmenter.add_argument("--unlabelled", type=Path, nargs="+", default=[], metavar="PACK", help="packs of images")
    masks = commands.add_parser("train-masks", help="train the label diffusion model of a source")
    masks.set_defaults(train=train_masks, module="masks.train", synthetic=None, unlabelled=[])
    synthesis = commands.add_parser("train-synthesis", help="train the SPADE image diffusion model of a source")
    synthesis.set_defaults(train=train_synthesis, module="synthesis.train", synthetic=None, unlabelled=[])
    for command in (segmenter, masks, synthesis):
        many = {"nargs": "+"} if command is segmenter else {"nargs": 1}
        command.add_argument(
            "--data", type=Path, required=True, metavar="PACK", help="training.npz of a domain", **many
        )
        command.set_defaults(command=train)
        command.add_argument("--settings", type=Path, required=True, help="JSON file of the training's settings")
        command.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="model, record, resume state")
        command.add_argument("--seed", type=int, default=0)
        command.add_argument("--processes", type=at_least_one, default=1, help="that share each batch, on a GPU each")
        command.add_argument("--minutes", type=float, help="pause after so long; run the same again to go on")
    add_data(commands)
    add_check(commands)
    add_planning(commands)
    add_provenance(commands)
    add_housekeeping(commands)
    add_tracking(commands)
    return top


def add_data(commands: Any) -> None:
    """The command that fetches a data set: `download`."""
    fetch = commands.add_parser("download", help="a data set of resources/datasets.tsv, verified and unpacked")
    fetch.set_defaults(command=download)
    fetch.add_argument("name", metavar="NAME", help="acdc, sunnybrook, mnms or mnms2")
    where = "FOLDER/NAME is made, its files lie in FOLDER/NAME.files; data by default"
    fetch.add_argument("-o", "--output", type=Path, default=Path("data"), metavar="FOLDER", help=where)
    without = "ask no server: take what lies in FOLDER/NAME.files (also CMRBRIDGE_OFFLINE=1)"
    fetch.add_argument("--offline", action="store_true", help=without)
    fetch.add_argument("--hours", type=at_least_one, default=12, help="patience with the servers for one file; 12")
    fetch.add_argument("--table", type=Path, default=Path("resources/datasets.tsv"), help="where data sets come from")


def add_check(commands: Any) -> None:
    """The command that looks at data before anything learns from them: `check`."""
    looking = commands.add_parser(
        "check", help="all that is wrong or odd with data sets: a table and a page; code 1: errors"
    )
    looking.set_defaults(command=check_data)
    looking.add_argument("folders", type=Path, nargs="+", metavar="PATH", help="folders of data sets")
    looking.add_argument("--reader", help="their layout: acdc, mnms, mnms2 or manifest; recognised by default")
    codes = "code of a structure in the files, such as LV=3; the layout's own by default"
    looking.add_argument("--labels", type=pair, nargs="+", default=[], metavar="STRUCTURE=CODE", help=codes)
    where = "of problems.csv, check.html and summary.txt; check by default"
    looking.add_argument("-o", "--output", type=Path, default=Path("check"), metavar="FOLDER", help=where)
    looking.add_argument("--cores", type=at_least_one, default=1, help="processes that share the subjects; 1")


def add_planning(commands: Any) -> None:
    """The commands that estimate: `plan` and `rates`."""
    plan = commands.add_parser("plan", help="what a study would cost: jobs, hours, disk")
    plan.set_defaults(command=estimate)
    plan.add_argument("study", type=Path, help="overlay of config.yaml, such as studies/wong2025.yaml")
    plan.add_argument("--place", help="where it runs: an entry of workflow/places.yaml")
    plan.add_argument("--preset", help="its sizes: cpu, gpu or reconstructed")
    cores, gpus = "as many as Snakemake will be given", "GPU jobs at a time: Snakemake's resource gpu, 1 by default"
    plan.add_argument("--cores", type=at_least_one, default=os.cpu_count() or 1, help=cores)
    plan.add_argument("--gpus", type=at_least_one, default=1, help=gpus)
    plan.add_argument("--rates", type=Path, default=Path("resources/rates.tsv"), help="what units of work cost")
    plan.add_argument("--snakefile", type=Path, default=Path("Snakefile"))
    rates = commands.add_parser("rates", help="what units of work cost, from finished studies; to standard output")
    rates.set_defaults(command=measure)
    rates.add_argument(
        "results", type=Path, nargs="+", metavar="RESULTS", help="folders such as results/wong2025_phantom"
    )
    scores = commands.add_parser("scores", help="merge the scores of a study's runs, from one machine or many")
    scores.set_defaults(command=merge_scores)
    scores.add_argument("folder", type=Path, metavar="FOLDER", help="where cases.csv.xz and runs.csv go")
    scores.add_argument("parts", type=Path, nargs="+", metavar="PART", help="results/STUDY, or such a folder")


def add_provenance(commands: Any) -> None:
    """The commands that say where results come from: `trace` and `crate`."""
    study = {"type": Path, "metavar": "RESULTS", "help": "a study's folder, such as results/demo"}
    tracing = commands.add_parser(
        "trace", help="from a number of a table to the runs, code, machines and data behind it"
    )
    tracing.set_defaults(command=trace_number)
    tracing.add_argument("results", **study)
    what = "a name in paper/tables/numbers.json (dice/SOURCE/TARGET/ARCHITECTURE/ARM/mean), cases or comparisons"
    tracing.add_argument("number", metavar="NUMBER", help=what)
    tracing.add_argument("keys", nargs="*", type=pair, metavar="KEY=VALUE", help="which row of cases or comparisons")
    tracing.add_argument("--json", action="store_true", help="all that the records say, as JSON")
    crate = commands.add_parser("crate", help="export a study as an RO-Crate")
    crate.set_defaults(command=export_crate)
    crate.add_argument("results", **study)
    crate.add_argument("folder", type=Path, metavar="FOLDER", help="new folder of the crate")
    crate.add_argument("--images", action="store_true", help="with the pictures of patients, and the report")
    crate.add_argument("--weights", action="store_true", help="with the models")
    crate.add_argument("--snakefile", type=Path, default=Path("Snakefile"))


def pair(text: str) -> tuple[str, str]:
    """KEY=VALUE."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value


def add_housekeeping(commands: Any) -> None:
    """The commands of a study under way: `status` and `unlock`."""
    status = commands.add_parser("status", help="jobs under way, paused, killed or failed; who holds which lock")
    status.set_defaults(command=show_status)
    unlock = commands.add_parser("unlock", help="remove Snakemake's lock of this folder where nobody works any more")
    unlock.set_defaults(command=remove_lock)
    for command in (status, unlock):
        command.add_argument("results", type=Path, nargs="?", default=Path("results"), metavar="RESULTS")


def add_tracking(commands: Any) -> None:
    """The command that feeds MLflow."""
    sync = commands.add_parser(
        "sync", help="feed MLflow what it does not know: the database beside the study, or MLFLOW_TRACKING_URI"
    )
    sync.set_defaults(command=feed_mlflow)
    studies = "folders such as results/demo; all of results/ by default"
    sync.add_argument("results", type=Path, nargs="*", metavar="RESULTS", help=studies)
    sync.add_argument("--follow", action="store_true", help="go on, for live curves, until Ctrl-C")
    sync.add_argument("--every", type=at_least_one, default=10, metavar="SECONDS", help="between two looks; 10")


def at_least_one(text: str) -> int:
    """An argument that counts cores, GPUs or seconds."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def download(asked: argparse.Namespace) -> None:
    from cmrbridge.fetch.dataset import fetch_dataset, sources_from
    from cmrbridge.fetch.download import Patience
    from cmrbridge.plan.downloads import files_of, offline, refuse_hopeless, sources_of, terms
    from cmrbridge.runtime.console import Progress
    from cmrbridge.runtime.lock import hold

    rows = sources_of(asked.table, asked.name)
    refuse_hopeless(rows, asked.output, asked.offline or offline({}))
    print(terms(rows), file=sys.stderr)
    files = files_of(asked.output, asked.name)
    files.mkdir(parents=True, exist_ok=True)
    progress = Progress(f"download {asked.name}, MiB", sys.stderr)

    def show(step: int, total: int | None) -> None:
        progress.show(step, total, {})

    try:
        with hold(files / ".lock", job=f"download {asked.name}"):
            patience = Patience(total=3600.0 * asked.hours)
            print(fetch_dataset(sources_from(rows), asked.output, os.environ, show, patience))
    finally:
        progress.close()


def check_data(asked: argparse.Namespace) -> int:
    from cmrbridge.data.check.command import check_folders
    from cmrbridge.runtime.console import Progress

    progress = Progress("check, subjects", sys.stderr)

    def show(step: int, total: int | None = None, **values: float) -> None:
        progress.show(step, total, values)

    try:
        text, errors = check_folders(asked.folders, asked.reader, dict(asked.labels), asked.output, show, asked.cores)
    finally:
        progress.close()
    print(text)
    return ERRORS if errors else 0


def estimate(asked: argparse.Namespace) -> None:
    from cmrbridge.plan.dag import planned
    from cmrbridge.plan.estimate import costs_of, read_rates, told

    keys = {name: value for name in ("place", "preset") if (value := getattr(asked, name))}
    rates = read_rates(asked.rates)
    waiting, done = planned(asked.snakefile, asked.study, keys, asked.cores)
    print(told(waiting, costs_of(waiting, done, rates), asked.cores, asked.gpus))


def measure(asked: argparse.Namespace) -> None:
    from cmrbridge.plan.rates import rates_of

    rates_of(asked.results).to_csv(sys.stdout, sep="\t", index=False, float_format="%.4g")


def merge_scores(asked: argparse.Namespace) -> None:
    from cmrbridge.paper.scores import write_scores

    _, runs = write_scores(asked.folder, asked.parts)
    counted = runs.groupby(["source", "arm", "architecture"]).seed.agg(seeds="nunique")
    print(counted.to_string())


def trace_number(asked: argparse.Namespace) -> None:
    from cmrbridge.paper.trace import as_json, as_text, trace

    found = trace(asked.results, asked.number, dict(asked.keys))
    print(as_json(found) if asked.json else as_text(found))


def export_crate(asked: argparse.Namespace) -> None:
    from cmrbridge.paper.crate import write_crate

    count = write_crate(asked.results, asked.folder, asked.snakefile.parent, images=asked.images, weights=asked.weights)
    print(f"{asked.folder}: {count} files and ro-crate-metadata.json")


def show_status(asked: argparse.Namespace) -> None:
    from cmrbridge.runtime.snakelock import told
    from cmrbridge.runtime.status import table, unfinished

    jobs = unfinished(asked.results)
    print(table(jobs) if jobs else f"{asked.results}: no job under way, paused, killed or failed")
    print(f"Snakemake, {Path.cwd()}: {told(Path.cwd())}")


def remove_lock(asked: argparse.Namespace) -> None:
    from cmrbridge.runtime.snakelock import unlock

    print(unlock(Path.cwd(), asked.results))


def feed_mlflow(asked: argparse.Namespace) -> None:
    from cmrbridge.runtime.sync import follow, studies_below, sync

    uri = os.environ.get("MLFLOW_TRACKING_URI") or None

    def folders() -> list[Path]:
        return asked.results or studies_below(Path("results"))

    if not asked.follow:
        sync(folders(), uri)
        return
    with contextlib.suppress(KeyboardInterrupt):
        follow(folders, uri, asked.every)


def train(asked: argparse.Namespace) -> None:
    """Run the asked training as a job in its output folder, unless it is done already."""
    settings = read_settings(asked.settings)
    selected = (
        [f"cmrbridge.segmentation.architectures.{settings['architecture']}"] if "architecture" in settings else []
    )
    try:
        code = fingerprint(f"cmrbridge.{asked.module}", *selected)
    except ModuleNotFoundError as error:
        raise InputError(f"{asked.settings}: {error}") from error
    params = {"code": code, "settings": settings, "processes": asked.processes, "seed": asked.seed}
    inputs = [*asked.data, *([asked.synthetic] if asked.synthetic else []), *asked.unlabelled]
    with standalone(asked.output, params, inputs, asked.module, minutes=asked.minutes) as run:
        if not run.done or not (asked.output / "model.safetensors").exists():
            asked.train(asked, run.resolved(settings), run)


def read_settings(path: Path) -> dict[str, Any]:
    try:
        settings = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: not a readable JSON file ({error}); write the settings as one JSON object"
        ) from error
    if not isinstance(settings, dict):
        raise InputError(f"{path}: holds no JSON object; write the settings as {{name: value, …}}")
    return settings


def train_segmenter(asked: argparse.Namespace, settings: dict[str, Any], run: Run) -> None:
    from cmrbridge.segmentation.train import settings_from
    from cmrbridge.segmentation.train import train_segmenter as fit_segmenter

    fit_segmenter(
        settings=settings_from(settings),
        training=asked.data,
        synthetic=asked.synthetic,
        unlabelled=asked.unlabelled,
        model=asked.output / "model.safetensors",
        seed=asked.seed,
        checkpoint=run.resume,
        device=run.device,
        report=run.report,
    )


def train_masks(asked: argparse.Namespace, settings: dict[str, Any], run: Run) -> None:
    from cmrbridge.masks.model import MaskTraining
    from cmrbridge.masks.train import train_label_diffusion

    train_label_diffusion(settings=built(MaskTraining, settings, asked), **generator(asked, run))


def train_synthesis(asked: argparse.Namespace, settings: dict[str, Any], run: Run) -> None:
    from cmrbridge.synthesis.model import SpadeTraining
    from cmrbridge.synthesis.train import train_spade_diffusion

    train_spade_diffusion(settings=built(SpadeTraining, settings, asked), **generator(asked, run))


def generator(asked: argparse.Namespace, run: Run) -> dict[str, Any]:
    """What both generators' trainings take beside their settings."""
    return {
        "training": asked.data[0],
        "model": asked.output / "model.safetensors",
        "samples": asked.output / "samples.png",
        "seed": asked.seed,
        "checkpoint": run.resume,
        "device": run.device,
        "report": run.report,
    }


def built(kind: Callable[..., Any], settings: dict[str, Any], asked: argparse.Namespace) -> Any:
    try:
        return kind(**settings)
    except TypeError as error:
        raise InputError(f"{asked.settings}: {error}; name the fields of {kind.__name__}") from error
