"""A beating heart seen by five scanners: anatomy and image physics are drawn apart, so that the truth is known."""
