"""The kit, graded: every check is run on backends with one fault each."""
