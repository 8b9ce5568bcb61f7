"""What one job is: its rule, its params, its files, and where its undeclared files lie."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Task:
    """What is to be done, whoever asks. ``anchor``: the output beside which undeclared files lie."""

    rule: str
    wildcards: dict[str, str]
    params: dict[str, Any]
    inputs: tuple[Path, ...]
    anchor: Path
    record: Path | None
    metrics: Path | None
    threads: int
    log: Path | None = None
    torch: bool = False
    minutes: float | None = None
    gpus: int = 0

    @property
    def name(self) -> str:
        return " ".join([self.rule, *(f"{key}={value}" for key, value in self.wildcards.items())])

    @property
    def seed(self) -> int | None:
        seed = self.params.get("seed")
        return None if seed is None else int(seed)

    @property
    def processes(self) -> int:
        """How many compute it together."""
        return int(self.params.get("processes", 1))

    def beside(self, name: str, hidden: bool = True) -> Path:
        """An undeclared file of this job: record.json → .journal.jsonl, train.record.json → .train.journal.jsonl."""
        own = self.anchor.name
        prefix = own.removesuffix("record.json") if own.endswith("record.json") else f"{own}."
        return self.anchor.with_name(f"{'.' if hidden else ''}{prefix}{name}")

    @property
    def checkpoint(self) -> Path:
        return self.beside("checkpoint.partial.safetensors", hidden=False)

    @property
    def interrupted(self) -> bool:
        """Whether an earlier run left a state to go on from."""
        return any(self.anchor.parent.glob(f"{self.checkpoint.name}*"))


def task_of(snakemake: Any, torch: bool) -> Task:
    """The task that Snakemake's script object describes."""
    output = snakemake.output
    record, metrics = output.get("record"), output.get("metrics")
    return Task(
        rule=snakemake.rule,
        wildcards=dict(snakemake.wildcards.items()),
        params=dict(snakemake.params.items()),
        inputs=tuple(Path(path) for path in snakemake.input),
        anchor=Path(record or output[0]),
        record=Path(record) if record else None,
        metrics=Path(metrics) if metrics else None,
        threads=int(snakemake.threads),
        log=Path(snakemake.log[0]) if snakemake.log else None,
        torch=torch,
        gpus=int(snakemake.resources.get("gpu", 0)),
    )
