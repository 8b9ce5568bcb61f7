"""Translation against a known answer: the same anatomy as the source's scanner would have imaged it."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from cmrbridge.core.pack import read_pack, write_pack
from cmrbridge.data.phantom.twins import TwinSettings, generate_twins
from cmrbridge.translation.model import TranslationTraining, load_model
from cmrbridge.translation.quality import psnr, ssim
from cmrbridge.translation.settings import Translation
from cmrbridge.translation.train import train_image_diffusion
from cmrbridge.translation.translate import translated_images
from reporters import silent

SIZE = 64
SOURCE, LOOKS = "aurora", ("corona", "dusk")
TRAINING = TranslationTraining(
    steps=450, learning_rate=1.5e-3, warmup=50, average=0.98, batch=8, channels=(32, 64, 96), report_every=0
)
METHODS = {
    "dda": Translation("dda", start=0.02, calls=1, factor=2),
    "ilvr": Translation("ilvr", start=0.02, calls=1, factor=2),
}


def generate(folder: Path, name: str, looks: tuple[str, ...], subjects: int, seed: int) -> tuple[Path, Path]:
    paths = folder / f"{name}-looks.npz", folder / f"{name}-truth.npz"
    settings = TwinSettings(SOURCE, looks, subjects, SIZE, 160 / SIZE, seed)
    generate_twins(settings=settings, looks=paths[0], truth=paths[1], report=silent)
    return paths


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained on what the source's scanner sees of other patients; twins are only a way to scan some."""
    folder = tmp_path_factory.mktemp("source")
    pack = read_pack(generate(folder, "training", LOOKS[:1], 16, 1)[1])
    cases = tuple(dataclasses.replace(case, split="train") for case in pack.cases)
    write_pack(folder / "training.npz", dataclasses.replace(pack, cases=cases))
    train_image_diffusion(
        settings=TRAINING,
        training=folder / "training.npz",
        model=folder / "model.safetensors",
        samples=folder / "samples.png",
        seed=0,
        checkpoint=None,
        device="cpu",
        report=silent,
    )
    return folder / "model.safetensors"


@pytest.mark.long
def test_translation_brings_images_nearer_to_what_the_source_would_have_made(model: Path, tmp_path: Path) -> None:
    """By both measures and from every look; and further than evening the shading alone, which needs no network."""
    looks, truth = (read_pack(path) for path in generate(tmp_path, "test", LOOKS, 5, 2))
    network, trained, _ = load_model(model, "cpu")

    def means(images: np.ndarray) -> np.ndarray:
        """(look, measure)."""
        domains = np.array([case.domain for case in looks.cases])[looks.case]
        values = np.stack([psnr(images, truth.images), ssim(images, truth.images)])
        return np.stack([values[:, domains == look].mean(axis=1) for look in LOOKS])

    def after(settings: Translation) -> np.ndarray:
        return means(
            translated_images(looks, network, trained, settings, batch=32, seed=0, device="cpu", report=silent)
        )

    before = means(looks.images)
    shading = after(Translation("none", reshade=0.0))
    for method, settings in METHODS.items():
        found = after(settings)
        assert (found > before).all(), method
        assert (found[:, 0] > shading[:, 0] + 0.5).all(), method
