"""The report as a page: one file that shows what a run has found, and needs nothing else."""
