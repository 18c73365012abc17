"""The line between a backend and its server: it is broken, and calls are made over it."""
