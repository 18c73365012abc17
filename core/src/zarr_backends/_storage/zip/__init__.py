"""One archive: the backend, and reading and rewriting the format of ZIP."""
