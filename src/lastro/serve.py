"""Start the page, and warn where others could reach it."""

from __future__ import annotations

import ipaddress
import os

from lastro.config import UiSettings
from lastro.console import print_error


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


def serve(settings: UiSettings, *, library: str, model: str | None) -> int:
    """Serve the page until it is interrupted, and return its exit status; 0 where a signal ended it."""
    from lastro.ui.launch import main

    if not is_loopback(settings.host):
        print_error(f"warning: {settings.host} lets other machines read every library; the page asks for no password")
    if model is not None:
        os.environ["LASTRO_LLM__MODEL"] = model  # the page reads its settings in a process of its own
    print_error(f"the page is at http://{settings.host}:{settings.port} (Ctrl-C ends it)")
    return max(0, main(settings, library=library))
