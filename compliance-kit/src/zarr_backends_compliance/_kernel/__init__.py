"""The engine of the kit: what a check is, what it is run on, and what comes of it."""
