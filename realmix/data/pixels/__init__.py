"""Image files before they are pixels of one size: formats, and values of more than 8 bits."""
