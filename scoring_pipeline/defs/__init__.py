"""Thin Dagster definitions, one folder per stage: names, descriptions, metadata, and calls into the rooms."""
