"""A pretrained encoder as the body of a network, and how much of it is trained."""
