"""The two phases of a subject beside one another."""

from cmrbridge.core.anatomy import PHASES
from cmrbridge.data.check.facts import Facts
from cmrbridge.data.check.files import SAME
from cmrbridge.data.check.problem import Fault

DENSITY = 1.05  # g/mL, of myocardium
EJECTION = (3.0, 90.0)  # % that a living heart can have
VOLUMES_ML = {"LV": (30.0, 700.0), "RV": (30.0, 700.0)}  # at end diastole, of adults
MASS_G = (30.0, 500.0)
ATTRIBUTES = ("vendor", "centre", "scanner", "field_strength_t", "pathology")


def subject_faults(frames: list[Facts]) -> list[tuple[Facts, Fault]]:
    """Each fault beside the frame that it is told of; ``frames`` are those of one subject that can be used."""
    found = [(one, fault) for one in frames for fault in left_out(one.frame.slice_numbers)]
    phases = {one.frame.phase: one for one in frames}
    if set(phases) != set(PHASES):
        return [*found, *((one, Fault("one_phase", f"it has {one.frame.phase} alone")) for one in frames[:1])]
    ed, es = (phases[phase] for phase in PHASES)
    for fault in [*grid_faults(ed, es), *function_faults(ed, es), *_metadata_faults(ed, es)]:
        found.append((es, fault))
    return found + [(ed, fault) for fault in size_faults(ed)]


def left_out(numbers: tuple[int, ...]) -> list[Fault]:
    """Slices that the acquisition had and the file has not, by the numbers that the table gives."""
    lacking = sorted(set(range(min(numbers), max(numbers) + 1)) - set(numbers)) if numbers else []
    told = ", ".join(map(str, lacking))
    return [Fault("slices_left_out", f"of the acquisition's slices {told} are left out in the middle")] if told else []


def grid_faults(ed: Facts, es: Facts) -> list[Fault]:
    """Phases of one acquisition share matrix, spacing and slices."""
    faults = []
    if ed.shape[:2] != es.shape[:2]:
        told = " and ".join(f"{one.shape[0]} × {one.shape[1]}" for one in (ed, es))
        faults.append(Fault("phases_grid", f"ED and ES have different matrices: {told}"))
    if any(abs(a / b - 1) > SAME for a, b in zip(ed.spacing, es.spacing)):
        told = " and ".join(" × ".join(f"{edge:g}" for edge in one.spacing) for one in (ed, es))
        faults.append(Fault("phases_grid", f"ED and ES have different spacings: {told} mm"))
    if ed.shape[2] != es.shape[2]:
        faults.append(Fault("phases_slices", f"ED has {ed.shape[2]} slices and ES {es.shape[2]}"))
    if ed.image_digest == es.image_digest:
        faults.append(Fault("phases_equal", "ED and ES have the same pixels"))
    elif ed.label_digest and ed.label_digest == es.label_digest:
        faults.append(Fault("phases_equal", "ED and ES have the same labels"))
    return faults


def function_faults(ed: Facts, es: Facts) -> list[Fault]:
    """An ES cavity that is no smaller than the ED one on the slices that both have, and ejection that cannot be."""
    before, after = shared_counts(ed, es, "LV")
    if not before or not after:
        return []
    if after >= before:
        told = f"on the slices of both phases the LV has {before} voxels in ED and {after} in ES: phases swapped?"
        return [Fault("phase_order", told)]
    percent = 100 * (before - after) / before
    if not EJECTION[0] <= percent <= EJECTION[1]:
        return [Fault("volume", f"the LV ejects {percent:.0f} % on the slices of both phases")]
    return []


def shared_counts(ed: Facts, es: Facts, structure: str) -> tuple[int, int]:
    """Voxels of a structure in ED and ES, on the slices that both files hold; 0 where those cannot be told."""
    sides = [one.counts.get(structure, ()) for one in (ed, es)]
    if not all(sides):
        return 0, 0
    numbers = [one.frame.slice_numbers for one in (ed, es)]
    if all(len(side) == len(number) for side, number in zip(sides, numbers)):
        both = set(numbers[0]) & set(numbers[1])
        totals = [sum(n for n, k in zip(side, number) if k in both) for side, number in zip(sides, numbers)]
        return totals[0], totals[1]
    return (sum(sides[0]), sum(sides[1])) if len(sides[0]) == len(sides[1]) else (0, 0)


def size_faults(ed: Facts) -> list[Fault]:
    """Volumes and mass at end diastole that no adult heart has."""
    measured = {
        f"the {name} holds {{}} mL": (ed.volume_ml(name), VOLUMES_ML[name]) for name in VOLUMES_ML if name in ed.counts
    }
    if "MYO" in ed.counts:
        measured["the myocardium weighs {} g"] = (DENSITY * ed.volume_ml("MYO"), MASS_G)
    return [
        Fault("volume", f"at end diastole {told.format(f'{value:.0f}')}")
        for told, (value, (low, high)) in measured.items()
        if value and not low <= value <= high
    ]


def _metadata_faults(ed: Facts, es: Facts) -> list[Fault]:
    pairs = {name: (str(getattr(ed.frame, name)), str(getattr(es.frame, name))) for name in ATTRIBUTES}
    return [
        Fault("phases_metadata", f"{name} is {one!r} in ED and {other!r} in ES")
        for name, (one, other) in pairs.items()
        if one != other
    ]
