"""From a scanner's DICOM files to short-axis cines as NIfTI, and a manifest that the rest of the workflow reads."""
