"""Scripts that run servers inside the environments that `_installs` makes.

They are started by path, with an interpreter that has the server's packages and not this one.
"""
