"""From config to rows, one per run, and the fingerprint of the code that a job runs: standard library and pandas."""
