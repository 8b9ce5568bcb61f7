"""What a study would cost, and scores merged over machines."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from cmrbridge.cli.arguments import at_least_one


def add(commands: Any) -> None:
    """The commands `plan`, `rates` and `scores`."""
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
