"""What joins the pool of a run."""
