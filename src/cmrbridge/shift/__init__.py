"""How large the shift is: classifiers that try to tell the domain (or the pathology) from features or from images."""
