"""Named points that a crash test may stop the program at; in use they do nothing.

A failpoint is passed by `reach("catalog.committed")`. Tests install a hook that kills the process there, raises, or
waits; the idea is FreeBSD's fail(9) and the failpoints of TiKV. The names are listed in `POINTS`, so that a test can
visit every one.
"""

from __future__ import annotations

from collections.abc import Callable

POINTS = (
    "original.written",  # a document's bytes are in their place, nothing refers to them yet
    "catalog.rows",  # inside a document's transaction, its rows are written
    "catalog.committed",  # after it
    "catalog.deleted",  # inside the transaction that deletes a document
    "original.dropped",  # a removed document's bytes are gone
    "index.version",  # the index is announced as changing
    "index.deleted",  # removed chunks are out of the collection
    "index.filled",  # new chunks are in it
    "index.synced",  # and the catalogue says so
    "rebuild.filled",  # a new generation is full
    "rebuild.switched",  # and readers use it
    "rebuild.dropped",  # the old generation is gone
    "compact.optimized",  # the keyword index holds no deleted stem
    "compact.vacuumed",  # the database is rewritten
    "compact.truncated",  # its log is empty
    "reembed.staged",  # one more document has vectors of the new embedder
    "reembed.switched",  # the library has the new embedder
)

hook: Callable[[str], None] | None = None


def reach(point: str) -> None:
    """Pass a point; `point` is one of `POINTS`."""
    if hook is not None:
        hook(point)
