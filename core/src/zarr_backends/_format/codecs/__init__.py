"""Codecs, one module each, named as the specification names them.

A pipeline is: any number of codecs that make arrays of arrays, one that makes bytes of an
array, any number that make bytes of bytes. Source: Zarr core specification 3, "Codecs".
"""
