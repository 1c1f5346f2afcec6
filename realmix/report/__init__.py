"""What a run shows: its records, its verdict in words, and its page."""
