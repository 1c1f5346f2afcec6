"""Folders of images: what lies in them, and which of them are classes, pool and test set."""
