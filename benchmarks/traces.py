"""Whether words or vectors stand anywhere in the raw bytes of a folder's files.

A word is found where ten of its letters in a row stand in a file, in UTF-8 or UTF-16, whatever became of its ending and
its accent in the keyword index, and whatever of its beginning FTS5 shares with the word before. A vector is found where
seven of its float32 numbers stand in a row, at any offset and to seven bits of mantissa, as an index may have scaled
it; so any 32 bytes of it are enough.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

_LETTERS = 10
_FLOATS = 7
_RUNS = (
    re.compile(rb"[a-z]{%d,}" % _LETTERS),
    re.compile(rb"(?:[a-z]\x00){%d,}" % _LETTERS),
    re.compile(rb"(?:\x00[a-z]){%d,}" % _LETTERS),
)


@dataclass
class Traces:
    """What a scan found: canaries, positions of vectors, and the files they stand in."""

    words: set[str] = field(default_factory=set)
    vectors: set[int] = field(default_factory=set)
    files: set[str] = field(default_factory=set)


class Scanner:
    """Looks for words and vectors in the raw bytes of files."""

    def __init__(self, words: Iterable[str], vectors: npt.NDArray[np.float32]) -> None:
        self._windows = {
            word[at : at + _LETTERS].encode(): word
            for word in words
            for at in range(len(word) - _LETTERS + 1)
            if word[at : at + _LETTERS].isascii()
        }
        halves = np.ascontiguousarray(vectors, dtype="<f4").view("<u4") >> 16
        starts = max(0, halves.shape[1] - _FLOATS + 1) if vectors.size else 0
        self._rows = np.repeat(np.arange(len(vectors)), starts)
        self._exact = np.concatenate(
            [halves[:, at : at + _FLOATS] for at in range(starts)] or [np.zeros((0, _FLOATS), dtype=np.uint32)], axis=1
        ).reshape(-1, _FLOATS)
        keys = _keys(self._exact)
        self._order = np.argsort(keys)
        self._keys = keys[self._order]

    def scan(self, folder: Path) -> Traces:
        """What stands in any file of a folder, or in a file's name."""
        traces = Traces()
        for file in sorted(folder.rglob("*")):
            name = str(file.relative_to(folder))
            data = file.read_bytes() if file.is_file() else b""
            words = self._words(name.encode()) | self._words(data)
            vectors = self._vectors(data)
            if words or vectors:
                traces.files.add(name)
            traces.words |= words
            traces.vectors |= vectors
        return traces

    def _words(self, data: bytes) -> set[str]:
        found = set()
        for run in (run for pattern in _RUNS for run in pattern.findall(data.lower())):
            letters = run.replace(b"\0", b"")
            for at in range(len(letters) - _LETTERS + 1):
                word = self._windows.get(letters[at : at + _LETTERS])
                if word is not None:
                    found.add(word)
        return found

    def _vectors(self, data: bytes) -> set[int]:
        found: set[int] = set()
        for offset in range(4):
            count = (len(data) - offset) // 4
            if count < _FLOATS or not len(self._keys):
                continue
            halves = np.frombuffer(data, dtype="<u4", count=count, offset=offset) >> 16
            windows = np.lib.stride_tricks.sliding_window_view(halves, _FLOATS)
            keys = _keys(windows)
            at = np.searchsorted(self._keys, keys).clip(max=len(self._keys) - 1)
            for place in np.flatnonzero(self._keys[at] == keys):
                found |= self._matching(windows[place], int(at[place]))
        return found

    def _matching(self, window: npt.NDArray[np.uint32], at: int) -> set[int]:
        """The rows whose window is this one, among those of the same key, which begin at `at`."""
        found = set()
        while at < len(self._keys) and self._keys[at] == _keys(window[None, :])[0]:
            place = self._order[at]
            if np.array_equal(self._exact[place], window):
                found.add(int(self._rows[place]))
            at += 1
        return found


@contextmanager
def copied(folder: Path) -> Iterator[Path]:
    """A copy of a folder that this process has open, made by another one.

    A process that opens a file of a database a second time loses SQLite's locks on it when it closes that one again:
    POSIX keeps locks by process. Other processes then remove the log under its eyes.
    """
    with tempfile.TemporaryDirectory(prefix="lastro-copy-") as name:
        code = "import shutil, sys; shutil.copytree(sys.argv[1], sys.argv[2])"
        subprocess.run([sys.executable, "-c", code, str(folder), f"{name}/copy"], check=True)
        yield Path(name) / "copy"


def _keys(windows: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
    """The first four of each row's 16-bit numbers in one."""
    key = np.zeros(len(windows), dtype=np.uint64)
    for at in range(4):
        key = (key << np.uint64(16)) | windows[:, at].astype(np.uint64)
    return key
