"""The commands that look after libraries: remove, verify, rebuild, export, import, libraries."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lastro.arguments import Json
from lastro.session import INTERRUPTED, SOME_FAILED, Session

if TYPE_CHECKING:
    from lastro.types import DocumentRecord

_LATER = (
    "no search finds it; what is left of it on the disk goes by itself as more is removed, or now: "
    "lastro remove --purge"
)
_PURGE = {
    "done": "purged: nothing of what was removed is left in the library's files",
    "pending": (
        "purge pending: another program still reads an older state, or writes; the next change of the library, or the "
        "next program that opens or closes it, finishes the purge"
    ),
}


def remove(
    context: typer.Context,
    key: Annotated[
        str | None,
        typer.Argument(help="Id (or its first six or more characters), path, file name or title.", show_default=False),
    ] = None,
    purge: Annotated[
        bool,
        typer.Option(
            "--purge", help="Also rewrite the library's files, so that no text of what was ever removed stays there."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove a document from the library; the file itself stays.

    Without a key, --purge clears away what was removed before.
    """
    from lastro.console import print_json, stdout

    if key is None and not purge:
        raise typer.BadParameter("name the document to remove; `lastro list` shows them", param_hint="key")
    session: Session = context.obj
    with session.open() as library:
        record = None if key is None else library.remove(key)
        if record is not None and not as_json:  # said at once: a purge may take minutes, or be refused
            stdout().print(_removed(record), soft_wrap=True)
        state = library.purge() if purge else None
    if as_json:
        print_json({"removed": record, "purge": state})
    else:
        stdout().print(_PURGE[state] if state is not None else _LATER, soft_wrap=True)


def _removed(record: DocumentRecord) -> str:
    from lastro.console import plain

    names = [plain(name, one_line=True) for name in record.sources]
    also = f", added as {' and as '.join(names)}" if len(names) > 1 else ""
    return f"removed {plain(record.title, one_line=True)} ({record.id[:12]}){also}"


def verify(
    context: typer.Context,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be mended.")] = False,
    as_json: Json = False,
) -> None:
    """Check that the library holds what it should: every text, vector and entry of its indexes."""
    from lastro.console import print_json, print_verified
    from lastro.types import to_dict

    session: Session = context.obj
    with session.open() as library:
        report = library.verify(repair=repair)
    print_json({"ok": report.ok, **to_dict(report)}) if as_json else print_verified(report)
    if not report.ok:
        raise typer.Exit(SOME_FAILED)


def rebuild(
    context: typer.Context,
    embedder: Annotated[
        str | None, typer.Option(help="Change to this embedder: a name from `lastro models`, or a folder.")
    ] = None,
) -> None:
    """Build the search index anew; with --embedder, embed every text anew first.

    A change of embedder that was stopped goes on where it was when the command is given again; until it is complete,
    the library keeps the old embedder.
    """
    from lastro.console import stdout
    from lastro.progress import RebuildProgress, cancel_on_interrupt

    session: Session = context.obj
    with session.open() as library:
        if embedder is None:
            library.rebuild()
        else:
            with cancel_on_interrupt() as cancel, RebuildProgress() as progress:
                library.rebuild(embedder=embedder, on_event=progress, cancel=cancel)
            if cancel.is_set():
                raise typer.Exit(INTERRUPTED)
        count = len(library.documents())
    with_it = "" if embedder is None else f", embedded with {embedder}"
    stdout().print(f"rebuilt: {count} document{'' if count == 1 else 's'}{with_it}", soft_wrap=True)


def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="File to write; it must not exist.")],
    as_json: Json = False,
) -> None:
    """Write the whole library, original files included, into one file; `lastro import` reads it."""
    from lastro.console import plain, print_json, stdout

    session: Session = context.obj
    with session.open() as library:
        written = library.export(file)
    size = written.stat().st_size
    if as_json:
        print_json({"file": written, "bytes": size})
    else:
        stdout().print(f"exported to {plain(str(written))} ({size / 1e6:.1f} MB)", soft_wrap=True)


def import_file(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="What `lastro export` wrote.")],
) -> None:
    """Make the library that --library names from an export; there must be none of that name."""
    import lastro
    from lastro.console import plain, stdout

    session: Session = context.obj
    path = lastro.import_library(file, session.library)
    stdout().print(f"imported as library {plain(session.library)} in {plain(str(path))}", soft_wrap=True)


def list_libraries(as_json: Json = False) -> None:
    """List the libraries of this user, with their sizes and what is wrong with one that cannot be opened."""
    import lastro
    from lastro.console import print_json, print_libraries, stderr

    found = lastro.libraries()
    if as_json:
        print_json(found)
    elif found:
        print_libraries(found)
    else:
        stderr().print("there are no libraries; `lastro add PATH` makes one", soft_wrap=True)
