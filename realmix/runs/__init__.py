"""A run: several trainings, their comparison, and the folder that keeps them."""
