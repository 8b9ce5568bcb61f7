"""Tracking: one MLflow run per job, nested under one run per study, fed from the records after the fact.

Needs   the records and metrics of every job of the study
Makes   results/{study}/tracking/runs.csv; the runs themselves in results/mlflow.db, or where MLFLOW_TRACKING_URI says
"""
