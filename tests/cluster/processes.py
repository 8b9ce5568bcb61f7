"""Which processes belong to a cluster: those whose environment says so."""

import psutil


def variables_of(process: psutil.Process) -> dict[str, str]:
    """The environment it was started with; psutil's own reader stops at the gap that slurmstepd leaves in it."""
    try:
        with open(f"/proc/{process.pid}/environ", "rb") as file:
            text = file.read().decode(errors="replace")
    except OSError:  # gone, or not ours
        return {}
    return dict(one.split("=", 1) for one in text.split("\0") if "=" in one)


def processes_of(settings: str) -> dict[psutil.Process, dict[str, str]]:
    """All that run with this slurm.conf, daemons, steps, jobs and clients, with their variables."""
    found = {process: variables_of(process) for process in psutil.process_iter()}
    return {process: variables for process, variables in found.items() if variables.get("SLURM_CONF") == settings}
