"""The part of app.py that runs with nnU-Net's Python: our file of a trained nnU-Net → the folder its programs read.

python -I app_caged.py FOLDER    FOLDER holds weights.safetensors and network.json; results/ is written in it
"""

import importlib.util
import json
import sys
from pathlib import Path

import torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

CAGED = Path(__file__).parents[1] / "src/cmrbridge/segmentation/nnunet/caged.py"


def main() -> None:
    spec = importlib.util.spec_from_file_location("caged", CAGED)
    assert spec is not None
    assert spec.loader is not None
    caged = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(caged)
    folder = Path(sys.argv[1])
    about = json.loads((folder / "network.json").read_text())
    predictor = caged.load_predictor(folder, "cpu")
    plans = {**about["plans"], "continue_training": False}
    trainer = nnUNetTrainer(plans, about["configuration"], 0, about["dataset"], torch.device("cpu"))
    trainer.network = predictor.network
    trainer.optimizer, _ = trainer.configure_optimizers()
    trainer.inference_allowed_mirroring_axes = (0, 1)
    target = folder / "results" / caged.DATASET / f"nnUNetTrainer__nnUNetPlans__{about['configuration']}"
    (target / "fold_0").mkdir(parents=True, exist_ok=True)
    (target / "plans.json").write_text(json.dumps(about["plans"]))
    (target / "dataset.json").write_text(json.dumps(about["dataset"]))
    trainer.save_checkpoint(str(target / "fold_0" / "checkpoint_final.pth"))


if __name__ == "__main__":
    main()
