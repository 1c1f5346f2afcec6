"""How high a run of auto climbs, and what is said of the rungs above."""
