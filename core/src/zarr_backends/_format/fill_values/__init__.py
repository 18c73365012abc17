"""Fill values: how documents write them, and which chunks are nothing else."""
