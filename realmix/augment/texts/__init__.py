"""What the views of a text mean, and translations there and back."""
