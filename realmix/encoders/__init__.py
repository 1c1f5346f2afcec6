"""Frozen networks that turn pictures and texts into features, and the features that were kept."""
