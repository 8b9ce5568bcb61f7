"""Archives from strangers: unpacked without leaving their folder, filling the disk or keeping anything by halves."""
