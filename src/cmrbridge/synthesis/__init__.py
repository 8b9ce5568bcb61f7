"""SPADE-conditioned image diffusion: one image per mask (Li 2025, step 2)."""
