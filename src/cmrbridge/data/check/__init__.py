"""All that can be known to be wrong with a data set before anything learns from it: one table, one page."""
