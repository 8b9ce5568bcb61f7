"""Every paper's study in every place and size, and the places that have no unseen domain."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.utils import validate

from cmrbridge.errors import InputError
from cmrbridge.plan.catalogue import merge
from cmrbridge.plan.config import domains_of, labelled_domains, published, resolve
from cmrbridge.plan.grid import grid

ROOT = Path(__file__).parents[3]
STUDIES = ["wong2025", "li2025", "capstone2024"]
PLACES = ["phantom", "acdc_sunnybrook", "mnms_vendors", "mnms_acdc", "manifest"]
PRESETS = ["cpu", "gpu", "reconstructed"]
VENDORS = ["GE"] * 4 + ["Philips Medical"] * 12 + ["Siemens"] * 10


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty folders where the data sets would lie, and a manifest of three vendors."""
    for name in ("acdc", "sunnybrook", "mnms"):
        (tmp_path / name).mkdir()
    write_manifest(tmp_path, VENDORS)
    monkeypatch.setenv("CMRBRIDGE_DATA", str(tmp_path))
    monkeypatch.setenv("CMRBRIDGE_MANIFEST", str(tmp_path))
    return tmp_path


def write_manifest(folder: Path, vendors: list[str]) -> None:
    rows = [f"s{index},{phase},i.nii.gz,{vendor}" for index, vendor in enumerate(vendors) for phase in ("ED", "ES")]
    (folder / "manifest.csv").write_text("\n".join(["subject,phase,image,vendor", *rows]) + "\n")


def configured(*overlays: dict[str, Any]) -> dict[str, Any]:
    """The config as the Snakefile reads and validates it."""
    config: dict[str, Any] = {}
    for path in ("config.yaml", "workflow/places.yaml"):
        merge(config, yaml.safe_load((ROOT / path).read_text()))
    for overlay in overlays:
        merge(config, overlay)
    validate(config, ROOT / "workflow" / "schemas" / "config.schema.yaml")
    return config


def study(name: str, **keys: Any) -> dict[str, Any]:
    """The study as the Snakefile resolves it."""
    return resolve(configured(yaml.safe_load((ROOT / "studies" / f"{name}.yaml").read_text()), keys))


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("place", PLACES)
def test_every_study_can_be_told_to_run_in_every_place_and_size(name: str, place: str) -> None:
    for preset in PRESETS:
        chosen = study(name, place=place, preset=preset)
        runs = grid(chosen)
        assert chosen["study"] == f"{name}_{place}"
        assert chosen["image"]["size"] == {"phantom": 64}.get(place, 96) if preset == "cpu" else 128
        assert set(runs.scenario) == {place}
        assert all(set(run.tested[1:]).isdisjoint([run.source]) for run in runs.itertuples())


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("wong2025", {"preset": "reconstructed"}),  # a preset of the study's own
        ("capstone2024", {"place": "acdc_sunnybrook", "preset": "gpu"}),  # notes and a left-out arm, both added
        ("li2025", {"place": "manifest"}),
        ("tutorial", {"preset": "gpu", "presets": {"gpu": {"nnunet": {"epochs": 40}}}}),
    ],
)
def test_the_config_that_a_report_prints_makes_the_same_study(name: str, keys: dict[str, Any], home: Path) -> None:
    config = configured(yaml.safe_load((ROOT / "studies" / f"{name}.yaml").read_text()), keys)
    text = published(config)
    assert resolve(configured(yaml.safe_load(text))) == resolve(config)
    assert str(home) not in text, "no path of this machine"


def test_only_the_arms_that_a_place_cannot_feed_are_left_out_and_said_so() -> None:
    arms = {place: study("capstone2024", place=place) for place in PLACES}
    lacking = {place for place, chosen in arms.items() if "multi_centre" not in chosen["run"]["arms"]}
    assert lacking == {"acdc_sunnybrook", "mnms_acdc"}
    for place, chosen in arms.items():
        assert any("multi_centre is left out" in note for note in chosen["notes"]) == (place in lacking)
        assert {"real", "mild", "classic", "dann", "oracle"} <= set(chosen["run"]["arms"])
        claimed = {claim["arm"] for claim in chosen["comparisons"]["claims"]}
        assert claimed == {"classic", "dann", "multi_centre"} - ({"multi_centre"} if place in lacking else set())


def test_several_centres_train_at_equal_n_and_are_never_tested() -> None:
    chosen = study("capstone2024")
    run = grid(chosen).query("arm == 'multi_centre'").iloc[0]
    assert run.training == ["aurora_half", "borealis_half"]
    caps = [chosen["domains"][name]["split"]["train_subjects"] for name in run.training]
    assert sum(caps) == 0.6 * 100, "the source's training subjects"
    assert run.access == "none"
    assert set(run.training) <= set(domains_of(chosen)) & labelled_domains(chosen)
    assert not set(run.training) & set(domains_of(study("wong2025"))), "no other study prepares them"


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ({"targets": ["aurora", "eclipse"], "source": "dusk"}, "aurora_half and aurora may share"),
        ({"centres": ["aurora_half", "aurora"]}, "aurora_half and aurora may share"),
        ({"centres": ["aurora_half"]}, "two or more"),
    ],
)
def test_centres_that_would_leak_or_repeat_a_subject_are_refused(scenario: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        study("capstone2024", places={"phantom": {"scenario": scenario}})


def test_an_architecture_skips_arms_but_never_the_one_they_are_held_against() -> None:
    runs = grid(study("capstone2024", preset="gpu"))
    assert set(runs[runs.architecture == "nnunet2d"].arm) == {"real", "classic", "multi_centre"}
    assert set(runs[runs.architecture == "vnet"].arm) == {"real", "mild", "classic", "dann", "multi_centre", "oracle"}
    for skip in ({"nnunet2d": ["classic"]}, {"unet2d": ["mild"]}):
        with pytest.raises(InputError, match=r"run\.skip"):
            study("capstone2024", run={"skip": skip})


def test_a_manifest_is_divided_by_a_column_the_largest_value_trains() -> None:
    chosen = study("capstone2024", place="manifest")
    scenario = chosen["scenarios"]["manifest"]
    assert (scenario["source"], scenario["targets"]) == ("Philips_Medical", ["GE"])
    assert scenario["centres"] == ["Philips_Medical_half", "Siemens_half"]
    assert chosen["domains"]["Philips_Medical"]["where"] == {"vendor": "Philips Medical"}
    assert {chosen["domains"][name]["split"]["train_subjects"] for name in scenario["centres"]} == {4}
    divide = {"manifest": {"divide": {"source": "Siemens"}}}
    assert study("wong2025", place="manifest", places=divide)["scenarios"]["manifest"]["source"] == "Siemens"


def test_a_place_takes_nothing_from_the_config_s_entries_of_its_names(home: Path) -> None:
    """config.yaml has domains of these names, each of one scanner of the phantom."""
    write_manifest(home, ["eclipse"] * 3 + ["aurora"] * 2)
    chosen = study("wong2025", place="manifest")
    selected = {name: chosen["domains"][name]["where"] for name in domains_of(chosen)}
    assert selected == {"eclipse": {"vendor": "eclipse"}, "aurora": {"vendor": "aurora"}}


def test_a_manifest_divided_by_field_strength_selects_numbers_as_ingest_writes_them(home: Path) -> None:
    (home / "manifest.csv").write_text("subject,field_strength_t\na,3\nb,3.0\nc,1.5\n")
    chosen = study("wong2025", place="manifest", places={"manifest": {"divide": {"by": "field_strength_t"}}})
    selected = {name: chosen["domains"][name]["where"] for name in domains_of(chosen)}
    assert selected == {"3": {"field_strength_t": 3.0}, "1.5": {"field_strength_t": 1.5}}


@pytest.mark.parametrize("source", ["1.50", "1,5", 1.5])
def test_the_source_is_found_however_its_number_is_written(home: Path, source: str | float) -> None:
    (home / "manifest.csv").write_text("subject,field_strength_t\na,3.0\nb,3.0\nc,1.5\n")
    divide = {"manifest": {"divide": {"by": "field_strength_t", "source": source}}}
    assert study("wong2025", place="manifest", places=divide)["scenarios"]["manifest"]["source"] == "1.5"


@pytest.mark.parametrize(
    ("dataset", "divide", "words"),
    [
        ({"reader": "mnms", "path": "${CMRBRIDGE_DATA}/mnms"}, {}, r"ours \(reader mnms\).*domains and a scenario"),
        ({"reader": "phantom", "scanners": ["aurora", "dusk"], "subjects": 4, "seed": 0}, {}, "reader phantom"),
        (
            {"reader": "acdc", "path": "${CMRBRIDGE_DATA}/acdc"},
            {"by": "field_strength_t"},
            "tells the field_strength_t",
        ),
        (
            {"reader": "acdc", "path": "${CMRBRIDGE_DATA}/acdc"},
            {"dataset": "our"},
            "x.divide.dataset names 'our'.*ours",
        ),
    ],
)
def test_only_what_has_a_table_of_its_own_can_be_divided(
    dataset: dict[str, Any], divide: dict[str, str], words: str
) -> None:
    place = {"datasets": {"ours": dataset}, "divide": {"dataset": "ours", "by": "vendor"} | divide}
    with pytest.raises(InputError, match=words):
        study("wong2025", place="x", places={"x": place})


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"place": "acdc"}, "acdc have one vendor.*no unseen domain"),
        ({"place": "manifest"}, "manifest have one vendor.*'Philips'.*no unseen domain"),
        ({"place": "manifest", "places": {"manifest": {"divide": {"by": "scanner"}}}}, "manifest.csv.*no scanner"),
        ({"place": "mars"}, "place names 'mars'.*phantom.*mnms_acdc"),
    ],
)
def test_a_place_without_an_unseen_domain_is_refused_with_the_reason(
    home: Path, keys: dict[str, Any], words: str
) -> None:
    write_manifest(home, ["Philips"] * 9)
    with pytest.raises(InputError, match=words):
        study("li2025", **keys)
