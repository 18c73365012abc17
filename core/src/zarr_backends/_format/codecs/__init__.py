"""The codecs of Zarr: what turns chunks into bytes and back. One module for each, or kin."""
