"""nnU-Net's raw data sets and those of the Medical Segmentation Decathlon: read, and written."""
