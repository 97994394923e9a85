"""Addresses to listen at: whether one is this computer's alone, and whether it is free."""

import ipaddress
import os
import socket
from urllib.parse import urlsplit

from chat_app.errors import ValueflowError


def is_loopback(host: str) -> bool:
    """Whether only this computer can reach ``host``.

    >>> [is_loopback(host) for host in ("localhost", "127.0.0.1", "::1", "0.0.0.0", "example.org")]
    [True, True, True, False, False]
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.casefold() == "localhost"


def names_loopback(header: str) -> bool:
    """Whether a Host header names this computer by an address that is its alone. A web page that
    has its own name point at this computer (DNS rebinding) comes with that name.

    >>> [names_loopback(header) for header in ("127.0.0.1:7860", "[::1]:1", "example.org", "")]
    [True, True, False, False]
    """
    try:
        return is_loopback(urlsplit(f"//{header}").hostname or "")
    except ValueError:
        return False


def check_port(host: str, port: int) -> None:
    """Raises ValueflowError where nothing can listen at ``host``:``port``."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            if os.name != "nt":  # there the option would let two programs share the port
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise ValueflowError(
            f"Port {port} of {host} cannot be used ({error.strerror or error}): close the program "
            f"that holds it, or choose another with --port {port + 1}."
        ) from error
