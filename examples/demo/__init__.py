"""Two real data sets, stored on different backends, read back and compared.

Run it from the folder above as ``python -m demo``.
"""
