"""Encoders that turn texts into features, and all texts of a data set."""
