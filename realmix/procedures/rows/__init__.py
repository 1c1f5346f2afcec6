"""Methods for feature rows, which take no steps."""
