"""Scores very many job listings against candidate profiles with language models, in daily Dagster partitions."""
