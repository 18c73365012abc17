"""Serve a folder by WebDAV: ``python webdav_server.py HOST PORT FOLDER``.

The environment holds the one user, ``DAV_USER``, and the password, ``DAV_PASSWORD``. Below
``/ro`` stands the same folder once more, read-only.
"""

from __future__ import annotations

import os
import sys

from cheroot.wsgi import Server
from wsgidav.fs_dav_provider import FilesystemProvider
from wsgidav.wsgidav_app import WsgiDAVApp

THREADS = 20
"""Requests that are served at a time; connections wait for each other, not for ever."""


def main(host: str, port: str, folder: str) -> None:
    """Serve until a signal ends the process.

    Args:
        host: Address to listen on.
        port: Port to listen on.
        folder: What is served.
    """
    user = {os.environ["DAV_USER"]: {"password": os.environ["DAV_PASSWORD"]}}
    app = WsgiDAVApp(
        {
            "provider_mapping": {
                "/": folder,
                "/ro": FilesystemProvider(folder, readonly=True),
            },
            "simple_dc": {"user_mapping": {"*": user}},
            "http_authenticator": {"accept_digest": False},
            "dir_browser": {"enable": False},
            "logging": {"enable": True},
            "verbose": 1,
        }
    )
    Server((host, int(port)), app, numthreads=THREADS, request_queue_size=512).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
