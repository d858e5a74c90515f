"""A page that a command serves, for tests that look at it with a browser."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 180_000  # milliseconds; a bound for a broken build on a slow machine, not a measurement
FREE_TO_ASK = "document.querySelector('[data-testid=stChatInputTextArea]')?.disabled === false"
ROOT = Path(__file__).parents[2]


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(command: list[str], port: int, home: Path) -> Iterator[str]:
    """The address of a page that a command serves; the command ends with the block."""
    log = (home / "page.log").open("wb")
    environment = {
        **os.environ,
        "LASTRO_HOME": str(home),
        "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
    }
    process = subprocess.Popen(command, cwd=home, env=environment, stdout=log, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + PATIENCE / 1000
        while process.poll() is None and time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=1)
                break
            except OSError:
                process_ended = process.poll()
                assert process_ended is None, (home / "page.log").read_text()
        yield address
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def is_outside(url: str) -> bool:
    """Whether a request leaves this machine."""
    return not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:"))


def ask(page, texts, question: str) -> None:
    """Type a question and send it."""
    box = page.get_by_placeholder(texts("chat.placeholder"))
    page.wait_for_function(FREE_TO_ASK)
    box.fill(question)
    box.press("Enter")
