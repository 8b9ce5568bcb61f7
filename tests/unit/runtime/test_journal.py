"""What a journal tells of a job's load on the machine."""

from cmrbridge.runtime.journal import loads_of


def test_of_many_loads_evenly_spaced_ones_and_the_last_are_kept() -> None:
    lines = [{"event": "start"}, *({"event": "load", "time": 0.0, "at": step, "cpu_percent": 1.0} for step in range(7))]
    assert [load["step"] for load in loads_of(lines)] == list(range(7))
    assert loads_of(lines, 3) == [{"step": step, "cpu_percent": 1.0} for step in (0, 3, 6)]
    assert loads_of([], 3) == []
