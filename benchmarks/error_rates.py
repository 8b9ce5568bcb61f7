"""How often the study's statistics err where the truth is known: docs/explanation/statistics.md's table.

    python benchmarks/error_rates.py [--replicates 5000] [--out docs/results/data/statistics_rates.csv]

Studies are drawn with the spreads that trained networks showed (mean Dice in points, ACDC → Sunnybrook, medians over
the arms but the oracle), but with training runs that vary by 1 point, and go through the tests of the comparisons
table. Needs no GPU; a quarter of an hour of one core at 5000 replicates. (Not called statistics.py: a script's folder
comes first on Python's path, and libraries that ask for the standard library's `statistics` would get it.)
"""

import argparse
import gc
from pathlib import Path

import pandas as pd

from cmrbridge.evaluation.comparisons import CEILING
from cmrbridge.evaluation.contrasts import by_run
from cmrbridge.evaluation.error_rates import COLUMNS, Scenario, error_rates, family_wise_rate, scenarios
from cmrbridge.evaluation.frames import MEAN, per_subject, read_cases, write_frame
from cmrbridge.evaluation.variance import components

DATA = Path(__file__).parents[1] / "docs/results/data"
BASELINE, TARGET = "classic", "sunnybrook"
FAMILY = 12  # comparisons that Holm corrects: 4 structures × 3 metrics


def spreads(path: Path) -> pd.DataFrame:
    """Standard deviations in points of Dice, a row per arm against the baseline: subject, slope, run, residual."""
    cases = read_cases(path)
    cases = cases[(cases.metric == "dice") & (cases.region == "whole") & (cases.target == TARGET)]
    scores = per_subject(cases[cases.arm != CEILING], seeds=True)
    (arms,) = by_run(scores[scores.structure == MEAN], ["target"]).values()
    baseline = 100 * arms[BASELINE].to_numpy()
    found = {
        arm: {"subject": baseline.mean(0).var(ddof=1), **components(100 * one.to_numpy(), baseline)._asdict()}
        for arm, one in arms.items()
        if arm != BASELINE
    }
    return pd.DataFrame(found).T ** 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=5000)
    parser.add_argument("--out", type=Path, default=DATA / "statistics_rates.csv")
    options = parser.parse_args()
    measured = spreads(DATA / "acdc_sunnybrook_cases.csv.gz")
    print(measured.round(2))
    middle = measured.median().round(1)
    typical = Scenario("typical", run=1.0, **middle.drop("run").to_dict())
    tables = []
    for scenario in scenarios(typical, steep=round(measured.slope.max(), 1)):
        tables.append(error_rates(scenario, options.replicates, seed=0))
        print(tables[-1].round(3).to_string(), flush=True)
    gc.freeze()  # statsmodels collects garbage in each correction
    groups = tables[0].iloc[[0]].assign(test=f"holm of {FAMILY}", covered=float("nan"))
    rate = family_wise_rate(FAMILY, scenarios(typical, 0.0)[0], options.replicates, seed=0)
    write_frame(options.out, pd.concat([*tables, groups.assign(rejected=rate)])[list(COLUMNS)].round(3))


if __name__ == "__main__":
    main()
