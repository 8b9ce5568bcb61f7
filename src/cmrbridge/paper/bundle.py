"""The same model for MONAI: a bundle's two config files, beside the weights that the networks are built from."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cmrbridge.core.anatomy import STRUCTURES
from cmrbridge.files import write_atomically
from cmrbridge.paper.cards import INTENDED_USE
from cmrbridge.paper.records import Record

SCHEMA = "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json"


def write_bundle(folder: Path, about: Mapping[str, Any], record: Record) -> None:
    """Write ``folder``/configs/{metadata,inference}.json. about: model.json; record: of a training, for versions."""
    configs = folder / "configs"
    configs.mkdir(parents=True, exist_ok=True)
    for name, content in (("metadata", metadata(about, record)), ("inference", inference())):
        write_atomically(configs / f"{name}.json", json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def inference() -> dict[str, Any]:
    """``run`` reads canonical slices, (n, size, size) uint8, from ``image`` (.npy), and writes labels to ``output``.

    The networks are cmrbridge's, which builds them of MONAI's parts and verifies the weights' checksums.
    """
    return {
        "imports": ["$import pathlib", "$import numpy", "$import torch", "$from cmrbridge.segmentation import graph"],
        "bundle_root": ".",
        "image": "image.npy",
        "output": "labels.npy",
        "weights": "$sorted(pathlib.Path(@bundle_root, 'models').glob('*.safetensors'))",
        "network_def": "$graph.load_averaged(@weights)",
        "slices": "$torch.from_numpy(numpy.load(@image))",
        "labels": "$@network_def(@slices).argmax(1).to(torch.uint8).numpy()",
        "run": ["$numpy.save(@output, @labels)"],
    }


def metadata(about: Mapping[str, Any], record: Record) -> dict[str, Any]:
    """As MONAI's bundle specification asks."""
    versions, size = record.get("versions") or {}, about["image"]["size"]
    plane = {"spatial_shape": [size, size], "is_patch_data": False}
    return {
        "schema": SCHEMA,
        "version": "1.0.0",
        "changelog": {"1.0.0": "exported by cmrbridge"},
        "monai_version": versions.get("monai", ""),
        "pytorch_version": versions.get("torch", ""),
        "numpy_version": versions.get("numpy", ""),
        "required_packages_version": {name: versions.get(name, "") for name in ("cmrbridge", "safetensors")},
        "task": "segmentation of short-axis cine cardiac MR",
        "description": f"{about['architecture']}, trained on {about['trained_on']}; {len(about['seeds'])} network(s)",
        "authors": "see card.md",
        "copyright": f"licences of the data: {', '.join(about['licences']) or 'not stated'}",
        "data_source": about["trained_on"],
        "data_type": "numpy",
        "intended_use": INTENDED_USE,
        "eval_metrics": {f"mean_dice_{row['domain']}": row["dice"] for row in about["scores"]},
        "network_data_format": {
            "inputs": {
                "image": {
                    "type": "image",
                    "format": "magnitude",
                    "modality": "MR",
                    "num_channels": 1,
                    "dtype": "uint8",
                    "value_range": [0, 255],
                    "channel_def": {"0": "short-axis slice"},
                    **plane,
                }
            },
            "outputs": {
                "pred": {
                    "type": "image",
                    "format": "segmentation",
                    "num_channels": 1 + len(STRUCTURES),
                    "dtype": "float32",
                    "value_range": [0, 1],
                    "channel_def": {"0": "background", **{str(code): name for name, code in STRUCTURES.items()}},
                    **plane,
                }
            },
        },
    }
