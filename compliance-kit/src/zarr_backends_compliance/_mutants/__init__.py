"""Backends with one fault each, on which the checks themselves are tried."""
