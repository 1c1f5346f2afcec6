"""Further unlabeled texts: a bank of sentences, and those of it that are near to the labels."""
