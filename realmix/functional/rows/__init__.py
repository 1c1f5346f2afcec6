"""What the methods for feature rows compute, in NumPy."""
