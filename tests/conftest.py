"""What every test gets: a home of its own, no telemetry, and no socket beyond this machine."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.chromium import CHROMIUM, FLAGS

if TYPE_CHECKING:
    from playwright.sync_api import Browser

settings.register_profile("lastro", deadline=None)  # a busy machine is no failure
settings.load_profile("lastro")

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that spin starve each other on a busy machine

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell that starts us in the background has it ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)

OUTSIDE: list[str] = []  # every address beyond loopback that something tried to reach


def _is_loopback(host: str) -> bool:
    if host in ("localhost", ""):
        return True
    try:
        return ipaddress.ip_address(host.split("%")[0]).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True, scope="session")
def no_outside_sockets() -> Iterator[list[str]]:
    """Refuse and note every connection beyond loopback, and every look-up of a name."""
    connect, connect_ex, lookup = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def check(sock: socket.socket, address: object) -> None:
        inet = sock.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple)
        if inet and not _is_loopback(str(address[0])):  # type: ignore[index]
            OUTSIDE.append(str(address))
            raise OSError(f"tests may not reach {address}")

    def guarded_connect(sock: socket.socket, address: object) -> object:
        check(sock, address)
        return connect(sock, address)  # type: ignore[arg-type]

    def guarded_connect_ex(sock: socket.socket, address: object) -> object:
        check(sock, address)
        return connect_ex(sock, address)  # type: ignore[arg-type]

    def guarded_lookup(host: object, *args: object, **kwargs: object) -> object:
        name = host.decode() if isinstance(host, bytes) else str(host or "")
        if not _is_loopback(name):
            OUTSIDE.append(name)
            raise socket.gaierror(f"tests may not look up {name}")
        return lookup(host, *args, **kwargs)  # type: ignore[arg-type]

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", guarded_connect)
    patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    patch.setattr(socket, "getaddrinfo", guarded_lookup)
    yield OUTSIDE
    patch.undo()


@pytest.fixture(autouse=True)
def lastro_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `LASTRO_HOME` of the test's own, and no setting left over from the shell."""
    for name in [name for name in os.environ if name.startswith("LASTRO_")]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    monkeypatch.setenv("LASTRO_HOME", str(home))
    return home


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()
