"""What a test hands to a long computation in the place of a job's report."""


def silent(step: int, total: int | None = None, **values: float) -> None:
    """Says nothing (`core.loop.Report`)."""
