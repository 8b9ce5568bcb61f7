"""Train one segmenter: real slices, optionally synthetic pairs among them, optionally against a domain classifier."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cmrbridge.core.checkpoint import Resume, write_tensors
from cmrbridge.core.labels import pairs_wanted
from cmrbridge.core.loop import Average, LoopSettings, Report, fit
from cmrbridge.core.parallel import spread
from cmrbridge.errors import InputError
from cmrbridge.segmentation import architectures
from cmrbridge.segmentation.adversarial import Adversary, DannSettings, domain_loss, feature_channels, reversal_at
from cmrbridge.segmentation.architectures.fingerprint import Fingerprint
from cmrbridge.segmentation.architectures.stacked import depth_of
from cmrbridge.segmentation.augment import AugmentSettings, apply, draw
from cmrbridge.segmentation.intensity import standardise, unit
from cmrbridge.segmentation.losses import marginal_dice_cross_entropy
from cmrbridge.segmentation.mixstyle import MixStyleSettings, mix_styles
from cmrbridge.segmentation.slices import Images, Slices, fingerprint, first_slices, gather, read_images, read_labelled
from cmrbridge.segmentation.validate import predicted_labels, volume_dice

VALIDATION_BATCH = 64
STACKS = 2  # labelled ones a step, at least: the smallest batch that nnU-Net plans, and an image may want a partner
GEOMETRY = ("geometry_chance", "rotation", "scale", "shift")


@dataclass(frozen=True)
class SegmenterSettings:
    """architecture: a name of `architectures`. batch: labelled slices a step, for a 3-D network in whole stacks,
    `STACKS` at least; under DANN as many of every domain join, in their own grey values, which the classifier judges,
    and of which the source's teach the segmenter too.
    ratio: synthetic pairs per real training slice. keep_real: whether real slices stay in training beside translated
    ones. adversarial: None trains without a domain classifier. mixstyle: None mixes no styles."""

    architecture: str
    loop: LoopSettings
    batch: int
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    ratio: float = 0.0
    keep_real: bool = True
    adversarial: DannSettings | None = None
    mixstyle: MixStyleSettings | None = None


def settings_from(plain: dict[str, Any]) -> SegmenterSettings:
    """Settings from nested plain dicts, as a config file holds them."""
    try:
        adversarial, mixstyle = plain.get("adversarial"), plain.get("mixstyle")
        augment: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in plain["augment"].items()}
        return SegmenterSettings(
            **{
                **plain,
                "loop": LoopSettings(**plain["loop"]),
                "augment": AugmentSettings(**augment),
                "adversarial": None if adversarial is None else DannSettings(**adversarial),
                "mixstyle": None if mixstyle is None else MixStyleSettings(**mixstyle),
            }
        )
    except (TypeError, KeyError) as error:
        raise InputError(f"the segmenter's settings are not what it takes: {error}") from error


class Trainee(nn.Module):
    """The segmenter, and the adversary that is thrown away after training."""

    def __init__(self, network: nn.Module, adversary: Adversary | None) -> None:
        super().__init__()
        self.network = network
        self.adversary = adversary

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images)
        return logits


def train_segmenter(
    *,
    settings: SegmenterSettings,
    training: Sequence[Path],
    synthetic: Path | None,
    unlabelled: Sequence[Path],
    model: Path,
    seed: int,
    checkpoint: Resume | None,
    device: str,
    report: Report,
    translated: Path | None = None,
) -> None:
    """Train on the "train" cases of the ``training`` packs and write the last weights to ``model`` (safetensors).

    synthetic: pack of synthetic pairs, used where ``ratio`` > 0. translated: a training pack whose images were
    translated and whose labels are the real ones; its "train" cases join, or without ``keep_real`` replace, the real
    ones (Wong 2025, domain generalisation). unlabelled: packs of images, one further
    domain each, used under DANN. The "val" cases are scored every ``inspect_every`` steps and choose nothing.
    """
    train, validation = read_training(settings, training, synthetic, translated, device)
    others = [read_images(path, train.size, device) for path in unlabelled] if settings.adversarial else []
    if settings.adversarial and not others:
        raise InputError("adversarial training needs images of another domain: name unlabelled domains in the scenario")
    data = fingerprint(training)
    trainee = build_trainee(settings, data, 1 + len(others), seed).to(device)
    average = fit(
        objective(trainee, settings, train, others),
        trainee,
        settings=settings.loop,
        seed=seed,
        device=device,
        report=report,
        resume=checkpoint,
        inspect=None if validation is None else _inspection(trainee, validation),
        rates={"adversary.": settings.adversarial.rate} if settings.adversarial else None,
    )
    weights = _averaged(trainee, average)
    own = {k.removeprefix("network."): v for k, v in weights.items() if k.startswith("network.")}
    about = {"architecture": settings.architecture, "fingerprint": asdict(data), "settings": asdict(settings)}
    write_tensors(model, own, about)


def read_training(
    settings: SegmenterSettings,
    training: Sequence[Path],
    synthetic: Path | None,
    translated: Path | None,
    device: str,
) -> tuple[Slices, Slices | None]:
    """(slices to learn from, the synthetic ones last; real slices to validate on, or None) on the device."""
    packs = [read_labelled(path) for path in training]
    real = [pack.split("train") for pack in packs]
    count = sum(len(pack.images) for pack in real)
    if count == 0:
        raise InputError(
            f"{', '.join(map(str, training))}: no slices in split train; raise the share of training subjects"
        )
    if translated is not None:
        real = [*(real if settings.keep_real else []), read_labelled(translated).split("train")]
    elif not settings.keep_real:
        raise InputError("keep_real is false and no translated images are given: name the arm's translation")
    wanted = pairs_wanted(settings.ratio, count)
    if wanted and synthetic is None:
        raise InputError("ratio is above 0 and no synthetic pairs are given: name the arm's generator")
    if wanted and synthetic is not None:
        real.append(first_slices(read_labelled(synthetic), wanted, synthetic))
    held = [pack for pack in (pack.split("val") for pack in packs) if len(pack.images)]
    return gather(real, device), gather(held, device) if held else None


def build_trainee(settings: SegmenterSettings, data: Fingerprint, domains: int, seed: int) -> Trainee:
    """The modules, initialised from the seed alone, on the CPU."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = architectures.build(settings.architecture, data)
        if settings.mixstyle is not None:
            mix_styles(architectures.early(settings.architecture, network), settings.mixstyle)
        if settings.adversarial is None:
            return Trainee(network, None)
        parts = architectures.features(settings.architecture, network)
        channels = feature_channels(network, parts, data.size)
        return Trainee(network, Adversary(parts, channels, domains, settings.adversarial.hidden))


Objective = Callable[[int, torch.Generator], tuple[Tensor, dict[str, Tensor]]]


def objective(trainee: Trainee, settings: SegmenterSettings, train: Slices, others: Sequence[Images]) -> Objective:
    """``loss_at(step, generator)`` for `core.loop.fit`."""
    adversary, dann, depth = trainee.adversary, settings.adversarial, depth_of(trainee.network)
    moves = AugmentSettings(**{name: getattr(settings.augment, name) for name in GEOMETRY})
    # made-up fields, contrasts and noise would hide from the classifier what tells the scanners apart
    clean = replace(settings, augment=moves)

    def loss_at(step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        judged = dann is not None and step >= dann.alone * settings.loop.steps
        domains: list[Tensor] = []
        with torch.no_grad(), _full_precision(generator.device):
            images, labels, known = _labelled_batch(train, settings, depth, generator)
            if judged:
                source = _labelled_batch(train, clean, depth, generator)
                images, labels, known = (torch.cat(parts) for parts in zip((images, labels, known), source))
                domains = [source[0], *(_unlabelled_batch(pool, clean, depth, generator) for pool in others)]
        logits = spread(trainee)(torch.cat([images, *domains[1:]]))
        segmentation = marginal_dice_cross_entropy(logits[: len(images)], labels, known)
        if adversary is None or dann is None or not judged:
            return segmentation, {}
        scale = dann.weight * reversal_at(step / settings.loop.steps, dann.start)
        names = torch.cat([torch.full((len(part),), index) for index, part in enumerate(domains)]).to(images.device)
        confusion, accuracy = domain_loss(adversary(scale, len(names)), names)
        values = {
            "segmentation_loss": segmentation.detach(),
            "domain_loss": confusion.detach(),
            "domain_accuracy": accuracy,
            "reversal": torch.tensor(scale),
        }
        return segmentation + confusion, values

    return loss_at


def _full_precision(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    return torch.autocast(device.type, enabled=False)


def _labelled_batch(
    train: Slices, settings: SegmenterSettings, depth: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Standardised images (n, 1, y, x), labels (n, y, x), known classes (n, class): none of a slice's repeat."""
    count = max(min(STACKS, settings.batch), settings.batch // depth)
    rows, new = train.draw(count, depth, generator)
    drawn = draw(settings.augment, len(rows), train.size, generator, depth)
    images, labels = apply(unit(train.images[rows]), train.labels[rows], drawn)
    assert labels is not None
    return standardise(images), labels, train.known[rows] & new[:, None]


def _unlabelled_batch(pool: Images, settings: SegmenterSettings, depth: int, generator: torch.Generator) -> Tensor:
    """Standardised images of one unlabelled domain."""
    rows, _ = pool.draw(max(1, settings.batch // depth), depth, generator)
    drawn = draw(settings.augment, len(rows), pool.size, generator, depth)
    return standardise(apply(unit(pool.images[rows]), None, drawn)[0])


def _averaged(trainee: Trainee, average: Average | None) -> dict[str, Tensor]:
    return trainee.state_dict() | (average.values if average else {})


def _inspection(trainee: Trainee, validation: Slices) -> Callable[[int, Average | None], dict[str, float]]:
    def inspect(step: int, average: Average | None) -> dict[str, float]:
        trainee.eval()
        trained = {name: value.clone() for name, value in trainee.state_dict().items()}
        trainee.load_state_dict(_averaged(trainee, average))
        found = predicted_labels(trainee.network, validation.images, VALIDATION_BATCH, validation.case)
        scores = volume_dice(found, validation)
        trainee.load_state_dict(trained)
        return {f"val_{name}": value for name, value in scores.items()}

    return inspect
