"""One run of the kit: what was asked for, what it will do, and how its outcome is told."""
