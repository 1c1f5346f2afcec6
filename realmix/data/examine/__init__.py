"""What rows that were read tell of themselves: equal ones, leaks, columns that are no features."""
