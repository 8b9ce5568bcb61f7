"""Segmenters: architectures, augmentation, adversarial training, training and prediction."""
