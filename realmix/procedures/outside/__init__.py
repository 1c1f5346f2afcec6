"""Methods that learn from what was not in the data: a bank's sentences, labels of unknown worth."""
