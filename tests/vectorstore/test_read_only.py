"""Folders that may not be written, belong to others, or are no library: clear errors, and nothing changed.

The tests run as root as often as not, whom no permission stops: the child gives that power up first.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import lastro
from lastro.errors import LibraryCorrupt, LibraryError
from lastro.types import Upload
from lastro.vectorstore.library import Library
from tests.fakes import HashEmbeddings

CHILD = """
import ctypes, os, sys
from pathlib import Path

if os.geteuid() == 0:  # drop CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH and CAP_FOWNER, by which root ignores permissions
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, sets) == 0
    for word in (0, 1):
        sets[word] &= ~0b1110
    assert libc.capset(header, sets) == 0

import lastro
from lastro.errors import LastroError
from lastro.types import Upload
from tests.fakes import HashEmbeddings

try:
    with lastro.open_library(Path(sys.argv[1]), embedder=HashEmbeddings()) as library:
        for line in sys.argv[2].split(";"):
            print(eval(line))
except LastroError as error:
    print(f"{type(error).__name__}: {error}")
"""


def powerless(folder: Path, code: str) -> str:
    """What a process without root's power prints for expressions over `library`."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder), code],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def files(folder: Path) -> dict[Path, tuple[bytes, int]]:
    return {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in folder.rglob("*") if file.is_file()}


@pytest.fixture(params=["read-only", "foreign owner"])
def closed_folder(library: Library, request: pytest.FixtureRequest) -> Iterator[Path]:
    library.close()
    everything = [library.path, *library.path.rglob("*")]
    for entry in everything:
        if request.param == "foreign owner":
            if os.geteuid() != 0:
                pytest.skip("only root can give files away")
            entry.chmod(0o755 if entry.is_dir() else 0o644)
            os.chown(entry, 65534, 65534)
        else:
            entry.chmod(0o555 if entry.is_dir() else 0o444)
    yield library.path
    for entry in everything:
        if entry.exists():
            entry.chmod(0o755)


def test_a_folder_that_may_only_be_read_answers_questions_and_refuses_writes(closed_folder: Path):
    before = files(closed_folder)
    said = powerless(
        closed_folder,
        "len(library.documents());library.search('cats sleep', k=1)[0].title;library.add(Upload('a.txt', b'Whales.'))",
    )
    documents, title, refusal = said.splitlines()
    assert (documents, title) == ("4", "Cats")
    assert refusal.startswith("LibraryReadOnly: ")
    assert "may be read but not written" in refusal
    assert powerless(closed_folder, "library.remove('cats')").startswith("LibraryReadOnly: ")
    assert files(closed_folder) == before


def test_a_reader_who_may_not_write_sees_what_a_living_writer_commits(library: Library):
    everything = [library.path, *library.path.rglob("*")]
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    library.add(Upload("whales.txt", b"Whales sing in the deep sea."))  # the log and its index stand beside the file
    for entry in [*everything, *library.path.rglob("*")]:
        if entry.exists() and "lock" not in entry.name:
            entry.chmod(0o755 if entry.is_dir() else 0o644)
            os.chown(entry, 65534, 65534)
    assert powerless(library.path, "library.search('whales sing', k=1)[0].title") == "whales"


def test_libraries_that_may_only_be_read_are_listed(closed_folder: Path):
    from lastro.vectorstore.catalog import summary

    info = powerless(
        closed_folder, "__import__('lastro.vectorstore.catalog').vectorstore.catalog.summary(library.path)"
    )
    assert "documents=4" in info
    assert "problem=''" in info
    assert summary(closed_folder).documents == 4


def test_a_file_that_may_not_be_read_at_all_is_told(library: Library):
    library.close()
    (library.path / "library.sqlite").chmod(0)
    before = files(library.path) if os.geteuid() == 0 else None
    said = powerless(library.path, "library.documents()")
    assert said.startswith("LibraryReadOnly: ")
    assert str(library.path) in said
    assert before is None or files(library.path) == before


def test_a_folder_that_is_no_library_is_left_alone(tmp_path: Path):
    (tmp_path / "library.sqlite").mkdir()
    with pytest.raises(LibraryError, match=str(tmp_path)):
        lastro.open_library(tmp_path, embedder=HashEmbeddings())
    assert [entry.name for entry in tmp_path.iterdir()] == ["library.sqlite"]


def test_a_file_in_place_of_the_folder_is_told(tmp_path: Path):
    file = tmp_path / "library"
    file.write_text("not a folder", encoding="utf-8")
    with pytest.raises(LibraryError, match="library"):
        lastro.open_library(file, embedder=HashEmbeddings())
    assert file.read_text(encoding="utf-8") == "not a folder"


def test_a_damaged_database_is_told_with_the_way_out(library: Library):
    library.close()
    file = library.path / "library.sqlite"
    content = bytearray(file.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    file.write_bytes(bytes(content))
    with (
        pytest.raises(LibraryCorrupt, match="originals/"),
        lastro.open_library(library.path, embedder=HashEmbeddings()) as again,
    ):
        again.documents()


def test_a_new_library_is_its_owners_alone(library: Library):
    assert library.path.stat().st_mode & 0o077 == 0


def test_a_place_below_a_file_is_told(tmp_path: Path):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(LibraryError, match="name another one"):
        lastro.open_library(tmp_path / "file" / "library", embedder=HashEmbeddings())
