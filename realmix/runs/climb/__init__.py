"""How high a run of auto climbs: which encoders it takes, and what is said of the rungs above."""
