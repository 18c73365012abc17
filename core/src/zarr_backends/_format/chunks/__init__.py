"""The chunk grid: its shape, its keys, and how selections fall on it."""
