"""From what a user asks for to the metadata of a new array."""
