"""What the stages share: packs, geometry, anatomy, diffusion, networks and the one optimisation loop."""
