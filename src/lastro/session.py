"""What every command shares: the exit codes, the options of the whole program, and the library they name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lastro.errors import LibraryError

if TYPE_CHECKING:
    from lastro.config import Settings
    from lastro.vectorstore.library import Library

OK, SOME_FAILED, USAGE, REFUSED, INTERNAL, INTERRUPTED = 0, 1, 2, 3, 70, 130


@dataclass
class Session:
    """The options of the whole program."""

    library: str = "default"
    model: str | None = None
    debug: bool = False

    def settings(self, **overrides: dict[str, Any]) -> Settings:
        """The effective settings; a None among the overrides stands for "not given"."""
        from lastro.config import load_settings

        given = {**overrides, "llm": {"model": self.model, **overrides.get("llm", {})}}
        kept = {name: {k: v for k, v in section.items() if v is not None} for name, section in given.items()}
        return load_settings(**{name: section for name, section in kept.items() if section})

    @contextmanager
    def open(self, settings: Settings | None = None, *, create: bool = False) -> Iterator[Library]:
        """The library that was asked for."""
        import lastro
        from lastro.console import stderr
        from lastro.opening import is_outdated

        effective = self.settings() if settings is None else settings
        if is_outdated(self.library):
            stderr().print(f"Carrying library {self.library!r} over to this version; large ones take minutes …")
        with lastro.open_library(self.library, create=create, settings=effective) as library:
            yield library

    @contextmanager
    def open_filled(self, settings: Settings) -> Iterator[Library]:
        """The library that was asked for, which must hold documents."""
        with self.open(settings) as library:
            if library.is_empty():
                raise LibraryError(empty(self.library))
            yield library


def empty(name: str) -> str:
    """What a library without documents is told with."""
    option = "" if name == "default" else f" --library {name}"
    return f"library {name!r} holds no documents; add some: lastro add PATH{option}"
