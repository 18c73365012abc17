"""``python -m zarr_backends_http`` is the command ``zarr-backends-http``."""

from zarr_backends_http._cli import main

main()
