"""Errors, words, files and addressed randomness: knows nothing of learning."""
