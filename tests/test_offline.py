"""Nothing leaves the machine: once with Python's sockets watched, once in a network that has only loopback."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import lastro

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ROOT / "examples" / "documents"
# A new network namespace has its loopback down; SIOCSIFFLAGS brings it up without iproute2.
LOOPBACK_UP = (
    "import fcntl, socket, struct; s = socket.socket(); "
    "fcntl.ioctl(s, 0x8914, struct.pack('16sh', b'lo', 0x1 | 0x40)); "
)


def unshare_works() -> bool:
    if shutil.which("unshare") is None:
        return False
    probe = subprocess.run(["unshare", "-rn", sys.executable, "-c", LOOPBACK_UP], capture_output=True, check=False)
    return probe.returncode == 0


needs_unshare = pytest.mark.skipif(not unshare_works(), reason="this system grants no network namespaces")


@pytest.mark.slow
def test_the_whole_flow_tries_no_connection_beyond_this_machine(no_outside_sockets: list[str]) -> None:
    before = len(no_outside_sockets)
    with lastro.open_library("offline") as library:
        report = library.add(DOCUMENTS / "commercial-lease.pdf")
        assert report.count("ok") == 1
        answer = lastro.answer_chain(library).invoke("How much is the security deposit?")
        assert answer.citations
    assert no_outside_sockets[before:] == []


def without_network(tmp_path: Path, *arguments: str, timeout: int) -> subprocess.CompletedProcess[str]:
    """Run Python where only loopback exists."""
    code = LOOPBACK_UP + "import os, sys; os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    return subprocess.run(
        ["unshare", "-rn", sys.executable, "-c", code, *arguments],
        capture_output=True, text=True, timeout=timeout, cwd=ROOT, check=False,
    )  # fmt: skip


@pytest.mark.slow
@needs_unshare
def test_the_demo_runs_where_there_is_no_network(tmp_path: Path) -> None:
    done = without_network(tmp_path, "examples/demo.py", timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.rstrip().endswith("}")


@pytest.mark.slow
@pytest.mark.browser
@needs_unshare
def test_the_page_and_its_browser_run_where_there_is_no_network(tmp_path: Path) -> None:
    if shutil.which("chromium") is None:
        pytest.skip("no chromium installed: apt-get install chromium")
    done = without_network(
        tmp_path, "-m", "pytest", "-q", "--no-cov", "-k", "adds_a_document", "tests/ui/test_browser.py", timeout=900
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert "passed" in done.stdout
