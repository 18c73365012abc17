"""The server: any installed backend of zarr-backends behind HTTP.

Needs ``pip install 'zarr-backends-http[server]'``. `create_app` returns an ASGI application
for any server of those; `serve` runs it in uvicorn, as ``zarr-backends-http serve`` does.
"""

from zarr_backends_http.server._app import create_app
from zarr_backends_http.server._serving import serve

__all__ = ["create_app", "serve"]
