"""Who does the cells of a comparison: processes here, or a cluster."""
