"""The pages and schemas that come from the code, and from nowhere else."""
