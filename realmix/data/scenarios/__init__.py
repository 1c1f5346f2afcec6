"""Data sets made worse on purpose: pure functions from (data, seed) to (data, truth)."""
