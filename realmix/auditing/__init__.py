"""What a pool is worth, told before anything is trained."""
