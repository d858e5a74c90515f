"""Start the page, and warn where others could reach it."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys

from lastro.config import UiSettings
from lastro.console import print_error
from lastro.errors import ConfigError


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address.

    >>> is_loopback("localhost"), is_loopback("::1"), is_loopback("0.0.0.0"), is_loopback("my-server")
    (True, True, False, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_free(host: str, port: int) -> None:
    """Check that the page can listen there.

    Raises:
        ConfigError: another program listens there, or the address or the port may not be used.
    """
    family, kind, protocol, _, address = _resolved(host, port)
    with socket.socket(family, kind, protocol) as listener:
        if sys.platform != "win32":  # where it would let two programs share a port; here it only forgets closed ones
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
        except OSError as error:
            other = port + 1 if port < 65_535 else port - 1
            raise ConfigError(
                f"ui.port = {port}: cannot listen on {host} ({error.strerror or error}); end the program that does, or "
                f"choose another port: `lastro app --port {other}`"
            ) from error


def _resolved(host: str, port: int) -> tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[object, ...]]:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as error:
        raise ConfigError(
            f"ui.host = {host!r}: no address of this machine ({error.strerror or error}); use 127.0.0.1, or 0.0.0.0 "
            f"for every network"
        ) from error


def serve(settings: UiSettings, *, library: str, model: str | None) -> int:
    """Serve the page until it is interrupted, and return its exit status; 0 where a signal ended it.

    Raises:
        ConfigError: the page cannot listen where the settings say.
    """
    from lastro.ui.launch import main

    check_free(settings.host, settings.port)
    if not is_loopback(settings.host):
        print_error(f"warning: {settings.host} lets other machines read every library; the page asks for no password")
    if model is not None:
        os.environ["LASTRO_LLM__MODEL"] = model  # the page reads its settings in a process of its own
    os.environ["STREAMLIT_LOGGER_HIDE_WELCOME_MESSAGE"] = "true"  # it would name the address a second time
    print_error(f"the page is at http://{settings.host}:{settings.port} (Ctrl-C ends it)")
    return max(0, main(settings, library=library))
