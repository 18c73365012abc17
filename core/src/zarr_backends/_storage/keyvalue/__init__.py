"""Arrays over string keys: the base of most backends."""
