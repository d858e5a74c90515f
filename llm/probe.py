"""Try a model file in a child process, so that a damaged one cannot take this process with it.

llama.cpp ends the process (an assertion, a division by zero) on some damaged files, and on some machines in the
special weight layouts it chooses for the processor. `python -m lastro.llm.probe FILE` loads the file and evaluates a
few tokens; how it ended says what the file, and those layouts, are worth here. The finding is kept for the file and the
machine, so that this is done once.
"""

from __future__ import annotations

import platform
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from lastro.errors import ModelCorrupt, ModelError, ModelTooLarge
from lastro.llm import ledger

_TIMEOUT_S = 1_800  # a 70B file has 42 GB to read
_KILLED = -int(getattr(signal, "SIGKILL", 9))  # what a system short of memory sends
_LAYOUTS = {"special": True, "plain": False}
_FLAWED = 3  # the child's own exit code for a file that llama.cpp refuses


def special_layouts_work(path: Path) -> bool:
    """Whether llama.cpp's weight layouts for this processor work with the file; False means only plain ones do.

    Raises:
        ModelCorrupt: the file cannot be used with either.
        ModelTooLarge: the system ended the trial for want of memory.
    """
    fact = f"probe {_machine()}"
    finding = ledger.recall(path, fact)
    if not isinstance(finding, str):
        finding = _try_layouts(path)
        ledger.note(path, fact, finding)
    if finding not in _LAYOUTS:
        raise ModelCorrupt(f"{path}: cannot be used ({finding}); fetch it again, or update llama-cpp-python")
    return _LAYOUTS[finding]


def _try_layouts(path: Path) -> str:
    ending = ""
    for layout in _LAYOUTS:
        code = _run(path, layout)
        if code == 0:
            return layout
        if code == _KILLED:
            raise ModelTooLarge(f"{path}: the system ended its trial, as for want of memory; choose a smaller model")
        if code == _FLAWED:  # refused for what it holds: no layout changes that
            return "llama.cpp refuses it"
        ending = f"llama.cpp ended with code {code}"
    return ending


def _run(path: Path, layout: str) -> int:
    command = [sys.executable, "-m", "lastro.llm.probe", str(path), layout]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _FLAWED
    except OSError as error:
        raise ModelError(f"{path}: could not be tried in a child process ({error}); free some memory") from error
    return done.returncode


def _machine() -> str:
    """The library and the processor a finding holds for."""
    return f"{version('llama-cpp-python')} {platform.node()} {platform.machine()} {_processor()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def main(path: str, layout: str) -> int:
    """Load the file and evaluate a prompt of 32 tokens, then one: the two shapes that an answer is made of."""
    from lastro.llm.native import ContextShape, NativeContext, NativeModel

    try:
        model = NativeModel(Path(path), special_layouts=_LAYOUTS[layout])
        context = NativeContext(model, ContextShape(tokens=256, piece=32, threads=1))
        token = max(model.vocabulary.bos, 0)
        context.decode([token] * 32, 0)
        context.decode([token], 32)
    except ModelError:
        return _FLAWED
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
