"""A model card says what its network is, what made it and how it fares, from files whose content is known."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from cmrbridge.errors import InputError
from cmrbridge.paper.cards import Identity, parameters, write_card
from cmrbridge.paper.checklist import AUTHOR, ITEMS, as_markdown

WHO = Identity("demo", "home", "plain", "unet2d", 0, ("home",), ("generated pairs",), "none", "plain", "", "plain")
RECORD = {
    "params": {"settings": {"loop": {"steps": 70}, "batch": 16}},
    "device": "cpu",
    "precision": "float32",
    "wall_seconds": 61,
}


def write_model(path: Path) -> None:
    """A safetensors file by its specification: a matrix of 2 × 3 and a vector of 5."""
    tensors = {
        "__metadata__": {"about": "{}"},
        "matrix": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
        "vector": {"dtype": "F32", "shape": [5], "data_offsets": [24, 44]},
    }
    header = json.dumps(tensors).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(44))


def card(folder: Path, who: Identity = WHO) -> str:
    model, record = folder / "model.safetensors", folder / "record.json"
    write_model(model)
    record.write_text(json.dumps(RECORD))
    parts = [("h1", "home", "train"), ("h2", "home", "test"), ("t1", "away", "test"), ("t2", "away", "test")]
    about = {"phase": "ED", "licence": "CC0", "scanner": "", "field_strength_t": "1.5", "pathology": "NOR"}
    scans = [{"dataset": "set", "subject": name, "vendor": "W" if name == "t2" else "V", **about} for name, *_ in parts]
    pd.DataFrame(scans).to_csv(folder / "subjects.csv", index=False)
    for domain in ("home", "away"):
        own = [{"subject": name, "split": split, "dataset": "set"} for name, place, split in parts if place == domain]
        pd.DataFrame(own).to_csv(folder / f"{domain}.csv", index=False)
    keys = {"study": "demo", "source": "home", "arm": "plain", "architecture": "unet2d", "phase": "ED"}
    scores = [("home", "h2", 0, 0.9), ("away", "t1", 0, 0.6), ("away", "t2", 0, 0.0), ("away", "t1", 1, 0.8)]
    scores += [("away", "t2", 1, 0.2), ("home", "h2", 1, 0.9)]
    rows = [{**keys, "target": t, "subject": s, "seed": seed, "value": value} for t, s, seed, value in scores]
    table = pd.DataFrame(rows).assign(structure="LV", region="whole", metric="dice")
    table.to_csv(folder / "cases.csv", index=False)
    write_card(
        identity=who,
        model=model,
        record=record,
        cases=folder / "cases.csv",
        subjects=[folder / "subjects.csv"],
        splits={domain: folder / f"{domain}.csv" for domain in ("home", "away")},
        card=folder / "card.md",
    )
    return (folder / "card.md").read_text()


def test_the_card_tells_weights_origin_scores_and_limits(tmp_path: Path) -> None:
    text = card(tmp_path)
    for expected in (
        "with 11 parameters",
        "70 steps of 16 labelled slices, seed 0, 1 min 1 s on cpu",
        "on home beside generated pairs",
        "Research only",
        "| home | set | CC0 | 1 | 0 | V |",
        "| away | V | 1 | 0.600 | 0.600 | – | – | – |",
        "| away | W | 1 | 0.000 | 0.000 | – | – | – |",
        "| home (own source) | V | 1 | 0.900 |",
        "between its 2 trainings, in points of Dice: away 14.1, home 0.0.",  # means 0.3 and 0.5: 0.2 / √2
        "scored Dice 0 on 1 of the 3 structures",
        hashlib.sha256((tmp_path / "model.safetensors").read_bytes()).hexdigest(),
    ):
        assert expected in text


def test_a_card_whose_scores_need_more_than_the_weights_says_so(tmp_path: Path) -> None:
    text = card(tmp_path, replace(WHO, arm="da", trained_as="plain", at_test="test images redrawn"))
    for expected in (
        "recipe “plain” of the study",
        "The arm “da” has the weights of the arm “plain”, which trains alike.",
        "Its scores are those with test images redrawn; without it, see the scores of “plain”.",
        "of this one network, with test images redrawn:",
        "That is the network alone, without test images redrawn.",
    ):
        assert expected in text


def test_an_arm_that_adapts_has_no_scores_without_where_no_other_arm_trains_alike(tmp_path: Path) -> None:
    text = card(tmp_path, replace(WHO, at_test="test images redrawn", alone=""))
    assert "Its scores are those with test images redrawn; this study has no scores without it." in text
    assert "has the weights of" not in text


def test_a_card_of_nnunet_names_its_epochs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RECORD, "params", {"settings": {"epochs": 250, "iterations": 50}})
    assert "; 250 epochs of 50 batches (nnU-Net), seed 0" in card(tmp_path)


def test_what_is_no_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0[]")
    with pytest.raises(InputError, match=r"model.safetensors: no readable safetensors file"):
        parameters(tmp_path / "model.safetensors")


def test_the_checklist_has_every_item_once_and_leaves_some_to_the_author() -> None:
    assert [item.number for item in ITEMS] == list(range(1, 43))
    assert {15, 16, 42} <= {item.number for item in ITEMS if item.answer == AUTHOR}
    assert as_markdown([(1, "Title", "a | b", AUTHOR)], "demo").endswith("| 1 | Title | a \\| b | for the author |\n")
