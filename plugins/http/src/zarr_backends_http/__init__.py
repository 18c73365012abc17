"""Zarr arrays behind an HTTP server: the backend ``http``, and a server of any backend.

The server is in `zarr_backends_http.server` and needs ``pip install
'zarr-backends-http[server]'``; ``zarr-backends-http serve`` starts it.
"""

from zarr_backends_http._array_backend import HttpArrayBackend
from zarr_backends_http._backend import HttpBackend

__all__ = ["HttpArrayBackend", "HttpBackend"]
