"""The caged program: the real nnunetv2, run by the Python of its own environment as a process of its own.

    python -I caged.py train|predict FOLDER

Imports nothing of cmrbridge, and nothing of cmrbridge imports it. FOLDER holds job.json (plain settings) and what
`cases` wrote; results are left in it; lines "@ {…}" on standard output tell of the progress. nnU-Net pickles its
checkpoints and its cases' properties: those files stay in FOLDER and are read here alone, what leaves it is
safetensors, JSON and .npy.
"""

import ctypes
import json
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nnunetv2.experiment_planning.dataset_fingerprint.fingerprint_extractor import DatasetFingerprintExtractor
from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.training.nnUNetTrainer.variants.data_augmentation.nnUNetTrainerNoDA import nnUNetTrainerNoDA
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from safetensors.torch import load_file, save_file

DATASET = "Dataset001_cmrbridge"
TRAINERS = {"own": nnUNetTrainer, "none": nnUNetTrainerNoDA}
STRUCTURES = ("LV", "MYO", "RV")
WORKERS = "nnUNet_n_proc_DA"
INTENSITIES = 1e6  # foreground voxels sampled for statistics that no normalisation of MR uses; nnU-Net's 1e8 fill 1 GB
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux's prctl
Json = dict[str, Any]


def tell(**values: Any) -> None:
    """One line for the process that waits outside. Where nobody does any more, this ends the program."""
    print(f"@ {json.dumps(values)}", flush=True)


def read_json(path: Path) -> Json:
    found: Json = json.loads(path.read_text(encoding="utf-8"))
    return found


def seed_everything(seed: int, epoch: int) -> None:
    """Restated at every epoch, so that a training that goes on from its checkpoint repeats an uninterrupted one."""
    number = (seed * 1_000_003 + epoch) % 2**32
    random.seed(number)
    np.random.seed(number)
    torch.manual_seed(number)


def plan(folder: Path, memory_gb: float) -> Json:
    """nnU-Net's plans, from the cases that raw/…/dataset.json lists: real training cases alone."""
    extractor = DatasetFingerprintExtractor(DATASET, num_processes=1)
    extractor.show_progress_bar, extractor.num_foreground_voxels_for_intensitystats = False, INTENSITIES
    extractor.run(overwrite_existing=True)
    ExperimentPlanner(DATASET, gpu_memory_target_in_gb=memory_gb).plan_experiment()
    return read_json(folder / "preprocessed" / DATASET / "nnUNetPlans.json")


def prepare(folder: Path, job: Json) -> tuple[Json, Json]:
    """(plans, dataset.json) with every case preprocessed; what a killed run had finished is taken as it is."""
    raw, preprocessed, ready = folder / "raw" / DATASET, folder / "preprocessed" / DATASET, folder / "plans.json"
    dataset = read_json(raw / "dataset.json")
    if ready.exists():
        return read_json(ready), dataset
    plans = plan(folder, job["memory_gb"])
    if job["configuration"] not in plans["configurations"]:
        raise ValueError("the training cases have one slice each: a 3-D network can't learn; use nnunet2d")
    manager = PlansManager(plans)
    configuration = manager.get_configuration(job["configuration"])
    target = preprocessed / configuration.data_identifier
    target.mkdir(parents=True, exist_ok=True)
    preprocessor = configuration.preprocessor_class(verbose=False)
    for name in read_json(raw / "cases.json")["names"]:
        image, label = raw / "imagesTr" / f"{name}_0000.nii", raw / "labelsTr" / f"{name}.nii"
        preprocessor.run_case_save(str(target / name), [str(image)], str(label), manager, configuration, dataset)
    (preprocessed / "splits_final.json").write_text(json.dumps([job["split"]]))
    partial = folder / "plans.json.partial"
    partial.write_text(json.dumps(plans))
    os.replace(partial, ready)
    return plans, dataset


def build_trainer(folder: Path, job: Json) -> nnUNetTrainer:
    """nnU-Net's own trainer (or its variant without augmentation), with the job's numbers, going on where it was."""
    plans, dataset = prepare(folder, job)
    os.environ[WORKERS] = str(job["workers"])  # not sooner: the planner starts as many threads, and 0 fails
    state = folder / "state.pth"
    trainer = TRAINERS[job["augmentation"]](
        {**plans, "continue_training": state.exists()}, job["configuration"], 0, dataset, torch.device(job["device"])
    )
    trainer.num_epochs = job["epochs"]
    trainer.num_iterations_per_epoch = job["iterations"]
    trainer.num_val_iterations_per_epoch = job["validation_iterations"]
    trainer.disable_checkpointing = True  # but for the state that each epoch leaves
    trainer.logger.plot_progress_png = lambda folder: None  # seconds an epoch
    settle(trainer)
    if state.exists():
        trainer.load_checkpoint(str(state))
    return trainer


def settle(trainer: nnUNetTrainer) -> None:
    """Let the blur choose its algorithm by size alone: nnU-Net's choice by stopwatch differs from run to run."""
    transforms = trainer.get_training_transforms

    def settled(*arguments: Any, **named: Any) -> Any:
        composed = transforms(*arguments, **named)
        for one in composed.transforms:
            inner = getattr(one, "transform", one)
            if hasattr(inner, "benchmark"):
                inner.benchmark = False
        return composed

    trainer.get_training_transforms = settled


def observe(trainer: nnUNetTrainer, folder: Path, seed: int) -> None:
    """At each epoch: fresh random numbers, a report, and a state to go on from that is whole or absent."""
    begin, finish = trainer.on_train_epoch_start, trainer.on_epoch_end

    def on_train_epoch_start() -> None:
        seed_everything(seed, trainer.current_epoch)
        begin()

    def on_epoch_end() -> None:
        finish()
        trainer.disable_checkpointing = False
        trainer.current_epoch -= 1  # save_checkpoint counts the epoch that it is called in
        partial = folder / f"state.{os.getpid()}.partial"
        trainer.save_checkpoint(str(partial))
        trainer.current_epoch += 1
        trainer.disable_checkpointing = True
        os.replace(partial, folder / "state.pth")
        latest = {name: trainer.logger.get_value(name, -1) for name in ("train_losses", "val_losses", "mean_fg_dice")}
        dice = trainer.logger.get_value("dice_per_class_or_region", -1)
        tell(
            step=trainer.current_epoch,
            total=trainer.num_epochs,
            loss=float(latest["train_losses"]),
            val_loss=float(latest["val_losses"]),
            val_dice=float(latest["mean_fg_dice"]),
            **{f"val_{name}": float(value) for name, value in zip(STRUCTURES, dice)},
        )

    trainer.on_train_epoch_start, trainer.on_epoch_end = on_train_epoch_start, on_epoch_end


def train(folder: Path, job: Json) -> None:
    """Leave weights.safetensors and network.json: all that prediction needs."""
    seed_everything(job["seed"], 0)  # the initial weights
    trainer = build_trainer(folder, job)
    observe(trainer, folder, job["seed"])
    trainer.run_training()
    weights, aliases = distinct(trainer.network.state_dict())
    save_file(weights, str(folder / "weights.safetensors"))
    about = {
        "configuration": job["configuration"],
        "plans": read_json(folder / "plans.json"),
        "dataset": trainer.dataset_json,
        "mirror": trainer.inference_allowed_mirroring_axes if job["mirror"] else None,
        "aliases": aliases,
    }
    (folder / "network.json").write_text(json.dumps(about))


def distinct(state: dict[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """(tensors that each have memory of their own, further name → first name): nnU-Net registers its layers twice."""
    first: dict[int, str] = {}
    aliases = {}
    for name, value in state.items():
        if first.setdefault(value.data_ptr(), name) != name:
            aliases[name] = first[value.data_ptr()]
    return {name: state[name].cpu().contiguous() for name in first.values()}, aliases


def load_predictor(folder: Path, device: str) -> nnUNetPredictor:
    """nnU-Net's predictor of what `train` left; it mirrors images where training did and the job asked for it."""
    about = read_json(folder / "network.json")
    weights = load_file(str(folder / "weights.safetensors"))
    weights |= {name: weights[first] for name, first in about["aliases"].items()}
    manager = PlansManager(about["plans"])
    configuration = manager.get_configuration(about["configuration"])
    heads = manager.get_label_manager(about["dataset"]).num_segmentation_heads
    network = nnUNetTrainer.build_network_architecture(manager, configuration, 1, heads, enable_deep_supervision=False)
    network.load_state_dict(weights)
    predictor = nnUNetPredictor(
        use_mirroring=about["mirror"] is not None,
        perform_everything_on_device=device == "cuda",
        device=torch.device(device),
        allow_tqdm=False,
    )
    predictor.manual_initialization(
        network, manager, configuration, [weights], about["dataset"], "nnUNetTrainer", about["mirror"]
    )
    return predictor


def predict(folder: Path, job: Json) -> None:
    """For every stack's NAME.images.npy (z, y, x) leave NAME.probabilities.npy (z, class, y, x) float32."""
    predictor = load_predictor(folder, job["device"])
    for done, (name, spacing) in enumerate(job["stacks"].items(), start=1):
        images = np.load(folder / f"{name}.images.npy", allow_pickle=False)
        _, found = predictor.predict_single_npy_array(
            images[None].astype(np.float32), {"spacing": spacing}, save_or_return_probabilities=True
        )
        np.save(folder / f"{name}.probabilities.npy", np.swapaxes(found, 0, 1).astype(np.float32))
        tell(step=done, total=len(job["stacks"]))


def end_with_parent() -> None:
    """By the kernel: a training whose job was killed would hold the GPU, and write beside the job's next start."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)


def main() -> None:
    end_with_parent()
    command, folder = sys.argv[1], Path(sys.argv[2])
    job = read_json(folder / "job.json")
    torch.set_num_threads(job["threads"])
    try:
        {"train": train, "predict": predict}[command](folder, job)
    except torch.OutOfMemoryError:
        tell(error="the accelerator's memory is full: lower nnunet.memory_gb")
        sys.exit(1)
    except ValueError as error:
        tell(error=str(error))
        raise


if __name__ == "__main__":
    main()
