"""From any data set's files to canonical packs: phantom, readers, preprocessing, duplicates, splits."""
