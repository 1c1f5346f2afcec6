"""Networks that learn what others say of the pool."""
