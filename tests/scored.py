"""Scores of four arms whose comparison is known."""

import numpy as np
import pandas as pd

GAIN = {"real": 0.0, "classic": 0.02, "synthetic": 0.03, "oracle": 0.04}


def scores(subjects: int = 6, seeds: int = 2) -> pd.DataFrame:
    """Dice = 0.8 + a subject's own noise + the arm's gain + 0.01 per seed, equal for both phases and structures."""
    noise = np.random.default_rng(0).normal(0, 0.03, subjects)
    rows = []
    for arm, gain in GAIN.items():
        for seed in range(seeds):
            for subject in range(subjects):
                own = np.random.default_rng([subject, *arm.encode()]).normal(0, 0.005)
                score = 0.8 + noise[subject] + own + gain + 0.01 * seed
                for phase in ("ED", "ES"):
                    for structure, shift in {"LV": 0.05, "RV": -0.05}.items():
                        keys = ("s", "a", "b", arm, "unet2d", seed, f"{subject:03}", phase, structure, "whole", "dice")
                        rows.append((*keys, score + shift))
    keys = ["study", "source", "target", "arm", "architecture", "seed", "subject", "phase", "structure", "region"]
    return pd.DataFrame(rows, columns=[*keys, "metric", "value"])
