"""The real nnU-Net, caged: its own environment, its own process; files go in and come out."""
