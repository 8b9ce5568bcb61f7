"""What redraws images in the look that an exported network was trained on, as a file that goes with it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cmrbridge.core.pack import Pack, read_pack
from cmrbridge.errors import InputError
from cmrbridge.files import write_atomically
from cmrbridge.translation.choose import UNTRANSLATED, read_choice
from cmrbridge.translation.graph import Translator, check, to_onnx
from cmrbridge.translation.model import load_model

CHECKED = 3  # validation volumes


def export_translator(
    *,
    chosen: Path,
    choices: Sequence[Mapping[str, Any]],
    training: Mapping[str, Path],
    seed: int,
    onnx_file: Path,
    about: Path,
) -> None:
    """Write ``onnx_file``, the graph of the translator of the source that ``chosen`` (of `segmentation.export`) learnt
    from, and ``about`` it: method, why, mean_dice_gain_under_simulated_shifts. Where no method helps on the source's
    validation volumes the graph file is empty and the method "none".

    choices: {source, choice, model} of every method that an arm uses at test time, as plain data: of several the one
    that helps most is taken. training: source → its pack, on whose validation volumes the graph must repeat torch.
    seed: of the generator, which the noise is drawn from.
    """
    source = json.loads(chosen.read_text(encoding="utf-8"))["source"]
    found = [(_told(Path(one["choice"])), one) for one in choices if one["source"] == source]
    helping = [pair for pair in found if pair[0]["method"] != UNTRANSLATED]
    if not helping:
        write_atomically(onnx_file, b"")
        write_atomically(about, json.dumps(found[0][0] if found else _nothing(source), indent=2) + "\n")
        return
    told, best = max(helping, key=lambda pair: pair[0]["mean_dice_gain_under_simulated_shifts"])
    network, trained, _ = load_model(Path(best["model"]), "cpu")
    translator = Translator(network, trained, read_choice(Path(best["choice"])), seed)
    volumes = _volumes(training[source])
    graph = to_onnx(translator, volumes[0].cases[0])
    mean, near = check(graph, translator, volumes, onnx_file)
    write_atomically(onnx_file, graph)
    agreement = {"mean_difference_from_torch": round(mean, 4), "share_within_one_grey_level": round(near, 5)}
    write_atomically(about, json.dumps(told | agreement, indent=2) + "\n")


def _told(choice: Path) -> dict[str, Any]:
    """What was chosen, why, and what it gained."""
    settings, content = read_choice(choice), json.loads(choice.read_text(encoding="utf-8"))
    gain = content["scores"].get(content["chosen"], {"dice_gain": 0.0})["dice_gain"]
    return {
        "method": settings.method,
        "why": content["why"],
        "mean_dice_gain_under_simulated_shifts": round(gain, 4),
    }


def _nothing(source: str) -> dict[str, Any]:
    why = f"no arm translates images into the look of {source}"
    return {"method": UNTRANSLATED, "why": why, "mean_dice_gain_under_simulated_shifts": 0.0}


def _volumes(training: Path) -> list[Pack]:
    """The first validation volumes, each by itself."""
    pack = read_pack(training).split("val")
    if not pack.cases:
        raise InputError(f"{training}: no validation subject to check the export on; raise split.val")
    return [pack.select([index]) for index in range(min(CHECKED, len(pack.cases)))]
