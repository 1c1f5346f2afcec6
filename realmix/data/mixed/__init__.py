"""From columns of any kind (numbers, categories, dates) to a matrix of numbers."""
