"""Label diffusion: anatomical masks from noise (Li 2025, step 1)."""
