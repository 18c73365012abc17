"""Serve a folder by FTP: ``python ftp_server.py HOST PORT FOLDER``.

The environment holds the passwords: ``RW_PASSWORD`` of the user "rw", and ``RO_PASSWORD`` of
the user "ro", who may only read.
"""

from __future__ import annotations

import os
import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import ThreadedFTPServer

READ = "elr"
"""Change the directory, list, retrieve."""

WRITE = "adfmwMT"
"""Append, delete, rename, make directories, store, change modes and times."""


def main(host: str, port: str, folder: str) -> None:
    """Serve until a signal ends the process.

    Args:
        host: Address to listen on.
        port: Port to listen on.
        folder: What is served.
    """
    authorizer = DummyAuthorizer()
    authorizer.add_user("rw", os.environ["RW_PASSWORD"], folder, perm=READ + WRITE)
    authorizer.add_user("ro", os.environ["RO_PASSWORD"], folder, perm=READ)

    class Handler(FTPHandler):
        """A handler of its own: settings are attributes of the class."""

    Handler.authorizer = authorizer
    Handler.auth_failed_timeout = 0  # tests that fail to log in need not wait
    server = ThreadedFTPServer((host, int(port)), Handler, backlog=512)
    server.max_cons = 0  # no limit
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
