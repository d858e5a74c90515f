from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import lastro
from lastro.errors import ConfigError, LibraryNotFound
from lastro.opening import library_path, slug
from tests.fakes import HashEmbeddings

NAMES = [
    "Отчёт 2024",
    "契約書",
    "Licitações",
    "a b",
    "A-B",
    "CON",
    "nul",
    "x" * 300,
    "Été",
    "été",
    "..",
    ".",
    "🐱",
    "a\x00b",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_one_folder_under_the_home(name: str, lastro_home: Path):
    path = library_path(name)
    assert path.parent == lastro_home / "libraries"
    assert path.name.isascii()
    assert path.name == path.name.lower()
    assert len(path.name) < 80
    assert set(path.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_different_names_are_different_folders():
    assert len({slug(name) for name in NAMES}) == len(NAMES)
    assert slug("e\u0301te\u0301") == slug("été")


def test_a_separator_or_a_path_means_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert library_path("./contracts") == tmp_path / "contracts"
    assert library_path(Path("contracts")) == tmp_path / "contracts"
    with pytest.raises(ConfigError):
        library_path("  ")


def test_a_library_remembers_the_name_it_was_given():
    with lastro.open_library("Отчёт 2024", embedder=HashEmbeddings()) as library:
        assert library.name == "Отчёт 2024"
    with lastro.open_library("Отчёт 2024", create=False, embedder=HashEmbeddings()) as library:
        assert library.name == "Отчёт 2024"
    with pytest.raises(LibraryNotFound, match="Отчёт 2025"):
        lastro.open_library("Отчёт 2025", create=False)


def test_every_public_name_is_there_and_nothing_else_is():
    lazy = [name for name in lastro.__all__ if name != "__version__"]
    assert sorted(lazy) == sorted(lastro._HOMES)
    assert dir(lastro) == sorted(lastro.__all__)
    for name in lastro.__all__:
        assert getattr(lastro, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        _ = lastro.nonsense


def test_importing_lastro_imports_nothing_heavy():
    heavy = ("torch", "chromadb", "langchain_core", "pydantic")
    code = f"import sys, lastro; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
