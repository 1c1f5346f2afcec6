"""What training sees: pools, which rows are in which batch, and which are held out."""
