"""How a job runs: device, seeds, journal, record, resume and the feed to MLflow."""
