"""The array: the only place where storage and format meet."""
