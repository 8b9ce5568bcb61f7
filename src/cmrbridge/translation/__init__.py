"""Translation: an image of any scanner given the look of the source, by a diffusion model of the source alone."""
