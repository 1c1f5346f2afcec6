"""Commands for several runs, made-up data, or several files at once."""
