"""Metrics per subject in millimetres, and the statistics that compare arms."""
