"""The jobs that a study still has to run, asked of Snakemake itself: the only module that imports it, and lazily."""

import contextlib
import io
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from cmrbridge.errors import InputError
from cmrbridge.plan.jobs import Job


def planned(snakefile: Path, overlay: Path, asked: Mapping[str, str], cores: int) -> tuple[list[Job], list[Job]]:
    """(jobs to run, jobs done) of the study in the working directory; asked: config keys that go over the overlay.

    InputError with Snakemake's words where the study can't be planned.
    """
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, Quietness, ResourceSettings

    told = io.StringIO()
    with contextlib.redirect_stdout(told), SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        try:
            workflow = api.workflow(
                resource_settings=ResourceSettings(cores=cores),
                config_settings=ConfigSettings(configfiles=[overlay], config=dict(asked)),
                snakefile=snakefile,
            )
            workflow.dag(DAGSettings()).summary()  # what prints the state of every file has built the graph
            graph = workflow._workflow.dag
        except Exception as error:
            raise InputError(f"{overlay}: {error}") from error
        return _jobs(graph)


def _jobs(graph: Any) -> tuple[list[Job], list[Job]]:
    waiting = [job for job in graph.needrun_jobs() if job.rule.name != "all"]
    place = {job: index for index, job in enumerate(waiting)}
    needs = {job: tuple(place[one] for one in graph.dependencies[job] if one in place) for job in waiting}
    done = [job for job in graph.jobs if job not in place and job.rule.name != "all"]
    return [_job(job, needs[job]) for job in waiting], [_job(job, ()) for job in done]


def _job(job: Any, needs: tuple[int, ...]) -> Job:
    record = next((str(path) for path in job.output if str(path).endswith("record.json")), str(job.output[0]))
    return Job(
        rule=job.rule.name,
        folder=str(PurePath(record).parent),
        wildcards=dict(job.wildcards_dict),
        params=dict(job.params.items()),
        inputs=tuple(map(str, job.input)),
        device="gpu" if job.resources.get("gpu") else "cpu",
        needs=needs,
        python=job.resources.get("python"),
    )
