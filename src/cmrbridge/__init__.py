"""cmrbridge: which remedy closes the scanner gap of a cardiac MR segmenter, by how much, and is that real?"""

__version__ = "0.1.0"
