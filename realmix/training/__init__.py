"""One training: the loop, its optimizer, its processes and its checkpoints."""
