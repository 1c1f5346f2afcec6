"""Augmentation of whole batches: every image of a batch draws its own operations and strengths."""
