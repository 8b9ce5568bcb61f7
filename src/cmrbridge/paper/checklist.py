"""The items of CLAIM (Mongan, Moy and Kahn 2020; update 2024), filled from the run where a run can know."""

from collections.abc import Mapping
from dataclasses import dataclass

AUTHOR = "for the author"


@dataclass(frozen=True)
class Item:
    """number: of the 2020 list; asks: in our words, with the update's terms; answer: text with {facts}, or `AUTHOR`."""

    number: int
    section: str
    asks: str
    answer: str = AUTHOR


ITEMS = (
    Item(1, "Title", "says that it is about artificial intelligence, and which kind"),
    Item(2, "Abstract", "structured: design, methods, results, conclusion"),
    Item(3, "Introduction", "background, intended use and clinical role"),
    Item(
        4,
        "Introduction",
        "aims and hypotheses",
        "Primary endpoint, declared in the config before the run: {endpoint}. Claims, declared likewise: {claims}.",
    ),
    Item(
        5,
        "Study design",
        "prospective or retrospective",
        "Retrospective: existing files, {datasets}; how they were gathered is for the author.",
    ),
    Item(6, "Study design", "kind of goal", "Comparison of {arm_count} training recipes: {arms}."),
    Item(7, "Data", "sources", "{datasets}; licence {licences}."),
    Item(
        8,
        "Data",
        "who was eligible, where and when",
        "Here: every subject that the files hold, less {copies} copies (flow of subjects); criteria of the data sets "
        "are for the author.",
    ),
    Item(
        9,
        "Data",
        "preprocessing",
        "In-plane resampling to {spacing} mm, a crop of {size} pixels centred from the image alone, greys between "
        "percentiles 0.5 and 99.5 of the volume in 8 bits.",
    ),
    Item(
        10,
        "Data",
        "parts of the data chosen",
        "Domains are selections by attribute: {domains} (see the configuration).",
    ),
    Item(
        11, "Data", "meaning of data elements", "Labels: LV cavity, LV myocardium, RV cavity; annotated: {annotated}."
    ),
    Item(12, "Data", "de-identification"),
    Item(
        13,
        "Data",
        "missing data",
        "A structure without outlines is unknown: no score, no part in the loss; subjects without any: "
        "{not_annotated}. A missed structure scores Dice 0 and the image's diagonal.",
    ),
    Item(14, "Reference standard", "definition", "The outlines of the data sets, in the files' own grid."),
    Item(15, "Reference standard", "why this one"),
    Item(16, "Reference standard", "who annotated, and how qualified"),
    Item(17, "Reference standard", "tools of annotation"),
    Item(18, "Reference standard", "variability between and within readers"),
    Item(
        19,
        "Data partitions",
        "sample size and why",
        "Test subjects by target: {test_subjects}; why so many is for the author.",
    ),
    Item(
        20,
        "Data partitions",
        "how data were assigned",
        "By a seeded shuffle within each pathology, split seed {split_seed}; counts in the flow of subjects.",
    ),
    Item(
        21,
        "Data partitions",
        "level at which they are disjoint",
        "The subject; copies under other names are found by content and dropped whole.",
    ),
    Item(22, "Model", "structure", "{architectures}; inputs are single-channel slices or stacks of {size} pixels."),
    Item(23, "Model", "software", "{versions}."),
    Item(24, "Model", "initial weights", "Random, from the training seed ({seeds}); no pretrained weights."),
    Item(
        25,
        "Training",
        "procedure and hyper-parameters",
        "{schedule}; augmentation and recipe of each arm in the configuration.",
    ),
    Item(
        26, "Training", "choice of the final model", "The last step's weights; no choice by any test or target score."
    ),
    Item(27, "Training", "ensembles", "{ensembles}."),
    Item(
        28,
        "Evaluation",
        "metrics",
        "{metrics}, per subject, phase and structure in the file's grid; definitions in docs/metrics.md.",
    ),
    Item(
        29,
        "Evaluation",
        "significance and uncertainty",
        "Unit: the subject; Welch's test with Holm's correction over {comparisons} comparisons and, apart from these, "
        "over the {claim_tests} tests of claims that an arm is better; 95 % intervals, paired test, Hedges' g. Where "
        "arms have several training runs, these count too: mixed models, plain and with slopes; hierarchical "
        "bootstrap; their spread.",
    ),
    Item(
        30,
        "Evaluation",
        "robustness",
        "Every arm on {target_count} domains other than the source, over {seed_count} training seeds; what an arm "
        "may see of them: {access}.",
    ),
    Item(31, "Evaluation", "explainability", "None; qualitative grids of best, median and worst cases."),
    Item(32, "Evaluation", "testing on internal and external data", "Internal: {sources}; external: {targets}."),
    Item(33, "Results: data", "flow of participants", "Flow of subjects in the report, one diagram per data set."),
    Item(
        34,
        "Results: data",
        "characteristics in each partition",
        "Vendor, scanner and pathology by split.csv; age, sex and others are for the author.",
    ),
    Item(35, "Results: performance", "on every partition", "Tables of scores, source's own test subjects and targets."),
    Item(
        36,
        "Results: performance",
        "estimates with their precision",
        "Mean, median and standard deviation over n subjects; differences with 95 % intervals.",
    ),
    Item(37, "Results: performance", "analysis of failures", "{failures}"),
    Item(
        38,
        "Discussion",
        "limits",
        "{limit_count} read off the data, in the report; those of the setting are for the author.",
    ),
    Item(39, "Discussion", "meaning for practice"),
    Item(40, "Other", "registration"),
    Item(
        41,
        "Other",
        "access to protocol, code and data",
        "Code {commits}; configuration and digests of inputs in the report; where they can be had is for the author.",
    ),
    Item(42, "Other", "funding and the funders' role"),
)


def filled(facts: Mapping[str, object]) -> list[tuple[int, str, str, str]]:
    """(number, section, what is asked, answer) of every item. facts: what the answers name in braces."""
    return [(item.number, item.section, item.asks, item.answer.format_map(dict(facts))) for item in ITEMS]


def as_markdown(rows: list[tuple[int, str, str, str]], study: str) -> str:
    """The same as a file to hand in beside a manuscript."""
    head = (
        f"# Checklist of the study {study}\n\n"
        "Items of CLAIM (Checklist for Artificial Intelligence in Medical Imaging, Mongan et al. 2020, numbers of "
        "2020, terms of the update of 2024) in our own words. What only an author knows is marked so.\n\n"
        "| item | section | asked | here |\n|---|---|---|---|\n"
    )
    lines = (" | ".join(str(cell).replace("|", "\\|") for cell in row) for row in rows)
    return head + "".join(f"| {line} |\n" for line in lines)
