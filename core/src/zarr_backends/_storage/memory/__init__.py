"""Arrays in the memory of this process."""
