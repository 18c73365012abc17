"""Data types: Zarr's names on one side, NumPy's dtypes on the other."""
