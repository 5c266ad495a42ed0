"""`scoring-pipeline`: the command line. Dagster is imported only by the commands that run it."""
