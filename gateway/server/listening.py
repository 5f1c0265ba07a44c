"""The socket that every worker accepts connections from."""

from __future__ import annotations

import errno
import socket
from typing import Final

_KEEP_ALIVE: Final = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}
"""A client that is gone without a word, as after a power cut, is noticed two minutes after it last said something."""


class CannotServeError(Exception):
    """Something on this machine is in the way; the message says what, and what to do."""


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to the address. Connections inherit what is set on it. Raises CannotServeError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE.items():
        if option := getattr(socket, name, None):
            listening.setsockopt(socket.IPPROTO_TCP, option, value)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise CannotServeError(f"Port {port} of {host} is taken. Choose another one: --port {port + 1}") from None
        raise CannotServeError(f"Cannot listen on port {port} of {host}: {error.strerror}.") from None
    listening.set_inheritable(True)
    return listening
