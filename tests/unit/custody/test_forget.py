"""A person taken out of studies: what goes, what stays, and that a kill at any moment is made up for."""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cmrbridge.cli import main
from cmrbridge.core.keys import read_salt, subject_key
from cmrbridge.custody.forget import find, forget
from cmrbridge.custody.holdings import ABOUT_ALL, OF_ALL
from cmrbridge.custody.scan import scan
from cmrbridge.custody.words import Words
from cmrbridge.errors import InputError
from cmrbridge.runtime.lock import hold
from recorded import write_file, write_record
from reporters import silent

DATA, WHO = "clinic", "Jane_Doe"


def write_pack(path: Path, *people: tuple[str, str]) -> None:
    """The cases of a pack; people: (subject, split)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cases = [{"dataset": DATA, "subject": name, "split": split} for name, split in people]
    np.savez_compressed(path, cases=np.frombuffer(json.dumps(cases).encode(), np.uint8))


def write_table(path: Path, *subjects: str) -> None:
    write_file(path, "dataset,subject,image,label\n" + "".join(f"{DATA},{one},/data/{one}.nii,\n" for one in subjects))


def job(
    study: Path, name: str, rule: str, *read: str, people: dict[str, list[str]] | None = None, **wildcards: str
) -> None:
    """A record; ``people`` by split of the packs that were read, None for a record of before they were told."""
    path = study / name / "record.json"
    write_record(path, rule, {f"results/{study.name}/{one}": "d16e57" for one in read}, wildcards)
    told = {} if people is None else {"people": {"packs": people}}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"stamp": "s"} | told))


def a_study(study: Path, told: bool) -> None:
    """Two domains; Jane trains ``here`` and is not in ``there``. told: whether records say whose data jobs read."""
    everybody, here, there = [WHO, "p2", "p3", "p4"], [WHO, "p2"], ["p3", "p4"]

    def seen(split: str, people: list[str]) -> dict[str, list[str]] | None:
        return {split: [f"{DATA}/{one}" for one in people]} if told else None

    write_table(study / "ingest" / DATA / "subjects.csv", *everybody)
    write_pack(study / "ingest" / DATA / "prepared.npz", *((one, "") for one in everybody))
    write_file(study / "ingest" / DATA / "qc.png")
    job(study, f"ingest/{DATA}", "ingest", dataset=DATA)
    write_file(study / "ingest" / "duplicates.csv")
    for domain, people in (("here", here), ("there", there)):
        write_pack(study / "data" / domain / "training.npz", *((one, "train") for one in people))
        write_table(study / "data" / domain / "split.csv", *people)
        read = (f"ingest/{DATA}/prepared.npz", f"ingest/{DATA}/subjects.csv")
        job(study, f"data/{domain}", "split_domain", *read, people=seen("", everybody))
        network = f"masks/{domain}/seed-0/train"
        write_file(study / network / "model.safetensors")
        job(study, network, "train_masks", f"data/{domain}/training.npz", people=seen("train", people))
        write_file(study / f"masks/{domain}/seed-0/sample/masks.npz")
        job(study, f"masks/{domain}/seed-0/sample", "sample_masks", f"{network}/model.safetensors", people={})
        run = f"segmentation/s/synthetic/unet2d/{domain}"
        write_file(study / run / "model.safetensors")
        job(study, run, "train_segmenter", f"masks/{domain}/seed-0/sample/masks.npz", people={})
        write_file(study / run / "checkpoint.partial.safetensors")
    write_file(study / "evaluation" / "cases.csv")
    for name in ("check/check.html", "paper/figures/gap.png", "paper/report.html", "tracking/runs.csv"):
        write_file(study / name)


@pytest.fixture(params=[True, False], ids=["records tell people", "records of before"])
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for name in ("one", "two"):
        a_study(tmp_path / "results" / name, told=request.param)
    other = tmp_path / "results" / "other"
    write_table(other / "ingest" / DATA / "subjects.csv", "p2", "p3")
    job(other, f"ingest/{DATA}", "ingest", dataset=DATA)
    return tmp_path / "results"


def run(results: Path, removed: list[str] | None = None) -> None:
    def remove(uri: str, study: Path, keys: frozenset[str]) -> int:
        if removed is not None:
            removed.extend(keys)
        return len(keys)

    forget(results, find(results, WHO), None, remove, lambda line: None)


def files(results: Path) -> set[str]:
    return {path.relative_to(results).as_posix() for path in results.rglob("*") if path.is_file()}


def test_what_saw_the_person_goes_and_what_descends_from_it(results: Path) -> None:
    removed: list[str] = []
    run(results, removed)
    left = files(results)
    for study in ("one", "two"):
        mine = {name.removeprefix(f"{study}/") for name in left if name.startswith(f"{study}/")}
        assert {name.split("/")[0] for name in mine} == {"masks", "segmentation"}
        assert all("/there/" in name for name in mine), "networks that never saw the person stay"
        assert "masks/there/seed-0/train/model.safetensors" in mine
    assert {name for name in left if name.startswith("other/")} == {
        f"other/ingest/{DATA}/subjects.csv", f"other/ingest/{DATA}/record.json"
    }  # fmt: skip
    assert "results/one/segmentation/s/synthetic/unet2d/here/record.json" in removed, "a generated set's descendant"
    assert not [key for key in removed if "/there/" in key and "/data/" not in key]


def test_the_list_holds_a_key_and_no_name(results: Path) -> None:
    run(results)
    key = subject_key(WHO, read_salt(results / ".salt"))
    assert list(csv.reader((results / "forgotten.csv").open())) == [["dataset", "key"], [DATA, key]]
    run(results)
    assert len((results / "forgotten.csv").read_text().splitlines()) == 2


def kills(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One call after the other in which the process dies at the next file than the time before."""
    real, left = Path.unlink, [0, 0]

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        real(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    while True:
        left[0] = left[1]
        left[1] += 1
        yield


def test_a_kill_at_any_file_is_made_up_for_by_the_next_call(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call gets one file further than the one before: all moments are met, in states that earlier kills left."""
    died = 0
    for _ in kills(monkeypatch):
        try:
            run(results)
            break
        except KeyboardInterrupt:
            died += 1
            assert (results / "forgotten.csv").is_file(), "no ingest lets the person in meanwhile"
    assert died > 5
    left = files(results)
    assert not [name for name in left if "/here/" in name]
    assert "one/masks/there/seed-0/train/model.safetensors" in left
    found = [one for one in scan(results, Words([WHO], "words"), silent) if one.word]
    assert found == [], "no table, pack or record that was left names the person"


def test_the_command_lists_first_and_is_honest_about_its_reach(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(results)
    assert main(["forget", WHO, "--results", str(results)]) == 0
    told = capsys.readouterr().out
    assert files(results) - {".salt"} == before
    for word in ("masks/here/seed-0/train", "nothing has been done: add --yes", f"/data/{WHO}.nii", "backups"):
        assert word in told
    assert main(["forget", WHO, "--results", str(results), "--yes"]) == 0
    assert files(results) < before | {".salt", "forgotten.csv"}
    assert main(["forget", "Nobody", "--results", str(results)]) == 2
    assert "no study knows this subject" in capsys.readouterr().err


def test_lineage_is_followed_in_a_study_that_was_renamed(results: Path) -> None:
    (results / "two").rename(results / "renamed")
    run(results)
    assert not [name for name in files(results) if "/here/" in name]


def test_a_record_that_tells_nothing_is_told(results: Path) -> None:
    (results / "one/masks/there/seed-0/train/record.json").write_text("cut")
    assert "cannot be judged" in find(results, WHO).told()


def test_a_network_of_which_nothing_tells_whose_it_is_is_told(results: Path) -> None:
    """A record of before people were told, whose pack was deleted to save disk."""
    told_by_records = "people" in (results / "one/masks/there/seed-0/train/record.json").read_text()
    (results / "one/data/there/training.npz").unlink()
    assert ("does not say whose data it read" in find(results, WHO).told()) is not told_by_records


def test_a_mistyped_folder_gets_no_salt(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        find(tmp_path / "result", WHO)
    assert not (tmp_path / "result").exists()


def test_every_folder_of_a_study_is_thought_of() -> None:
    """Jobs of these folders keep a record beside their outputs; whoever adds another folder decides how it is left."""
    by_records = {"admitted", "dicom", "masks", "synthesis", "translation", "fidelity", "privacy", "export",
                  "segmentation", "predictions"}  # fmt: skip
    computed = {"phantom"}  # nobody's data
    rules = Path(__file__).parents[3] / "workflow" / "rules"
    made = {name for path in rules.glob("*.smk") for name in re.findall(r"\{RESULTS\}/(\w+)", path.read_text())}
    assert made <= by_records | computed | {*OF_ALL, *ABOUT_ALL}


def test_by_key_as_by_name(results: Path) -> None:
    key = subject_key(WHO, read_salt(results / ".salt"))
    assert find(results, key) == find(results, WHO)


def test_a_namesake_in_another_data_set_stays(results: Path) -> None:
    other = results / "other" / "ingest" / "elsewhere"
    write_file(other / "subjects.csv", f"dataset,subject,image,label\nelsewhere,{WHO},data/{WHO}.nii,\n")
    job(results / "other", "ingest/elsewhere", "ingest", dataset="elsewhere")
    both = find(results, WHO)
    assert {dataset for dataset, _ in both.rows} == {DATA, "elsewhere"}
    assert "DATASET/SUBJECT" in both.told()
    assert f"data/{WHO}.nii" in both.files, "told, though the study named its folder from here"
    one = find(results, f"{DATA}/{WHO}")
    assert {dataset for dataset, _ in one.rows} == {DATA}
    assert not [folder for folder in one.held if folder.name == "other"]
    with pytest.raises(InputError, match="no study knows"):
        find(results, f"nowhere/{WHO}")


def test_not_while_a_job_is_at_work(results: Path) -> None:
    folder = results / "one" / "masks" / "there" / "seed-0" / "train"
    (folder / ".journal.jsonl").write_text(json.dumps({"event": "start", "job": "train_masks"}) + "\n")
    with hold(folder / ".lock", job="train_masks"), pytest.raises(InputError, match="train_masks at work"):
        run(results)
