"""Several methods, numbers of labels, scenarios and seeds side by side, and what may be said."""
