"""What a method is and may ask for: fields, views, batches, losses, and what is remembered."""
