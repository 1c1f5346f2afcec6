"""What a model is worth: figures, intervals, the gate, and what labels settle."""
