"""Backends by id: what is registered, installed, usable, and what is wrong."""
