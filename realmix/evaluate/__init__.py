"""What a model is worth: figures, intervals, the gate, the report."""
