"""What the terminal shows: every text from a document, a file name or a model is stripped of control characters.

Results go to stdout; drafts, progress, timings and errors go to stderr.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lastro.types import (
    AddReport,
    DocumentRecord,
    LibraryInfo,
    Passage,
    Usage,
    VerifyReport,
    to_dict,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from lastro.llm.models import ModelListing

# CSI, OSC, the other string sequences, and the two-character escapes of ECMA-48.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|.)?", re.S)
# C0 without tab and newline, C1, and the marks that turn the direction of writing round.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_PIPE_WIDTH = 120  # columns where stdout is no terminal
_TYPES_SHOWN = 12


def plain(text: str, *, one_line: bool = False) -> str:
    r"""The text without escape sequences and control characters, so that it cannot steer the terminal.

    >>> plain("a\x1b[31mb\x07\rc"), plain("two\n lines", one_line=True)
    ('abc', 'two lines')
    """
    clean = _CONTROLS.sub("", _ESCAPES.sub("", text))
    return " ".join(clean.split()) if one_line else clean


def stdout() -> Console:
    """A console for results; as wide as the terminal, or 120 columns into a pipe."""
    from rich.console import Console  # 60 ms that `--help` does not need

    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    return Console(file=sys.stdout, width=width, markup=False, highlight=False, emoji=False)


def stderr() -> Console:
    """A console for what is not a result."""
    from rich.console import Console

    return Console(file=sys.stderr, markup=False, highlight=False, emoji=False)


def print_error(message: str) -> None:
    """Write one line to stderr."""
    sys.stderr.write(f"lastro: {plain(message, one_line=True)}\n")
    sys.stderr.flush()


def print_json(value: Any) -> None:
    """Write one JSON document to stdout; what a terminal could take for a command is escaped."""
    text = json.dumps(to_dict(value), ensure_ascii=False, indent=2)
    sys.stdout.write(re.sub("[\x7f-\x9f\u200e-\u202e\u2066-\u2069\ud800-\udfff]", _as_escape, text) + "\n")


def _as_escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match.group()):04x}"


def place(title: str, pages: str, section: str = "") -> str:
    """Where a passage stands, on one line.

    >>> place("Lease", "3-4"), place("Manual", "", "2. Holidays")
    ('Lease, p. 3-4', 'Manual, 2. Holidays')
    """
    parts = [title, f"p. {pages}" if pages else section if section != title else ""]
    return plain(", ".join(part for part in parts if part), one_line=True)


def new_table(*columns: str, right: Sequence[str] = ()) -> Table:
    """An empty table with these columns; those of `right` hold numbers."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", justify="right" if column in right else "left")
    return table


def add_row(rows: Table, *cells: object) -> None:
    """Add a row; None is an empty cell."""
    from rich.text import Text

    rows.add_row(*(Text(plain("" if cell is None else str(cell))) for cell in cells))


def print_documents(records: Sequence[DocumentRecord]) -> None:
    """A table of a library's documents."""
    table = new_table("Id", "Title", "Pages", "Passages", "Language", "State", "Source", right=("Pages", "Passages"))
    for record in records:
        source = Path(record.sources[0]).name if record.sources else ""
        more = f" (+{len(record.sources) - 1})" if len(record.sources) > 1 else ""
        add_row(
            table, record.id[:12], plain(record.title, one_line=True), record.pages, record.chunks,
            record.language, record.state, plain(source, one_line=True) + more,
        )  # fmt: skip
    stdout().print(table)


def print_passages(passages: Iterable[Passage], *, why: Callable[[Passage], Iterable[str]] | None = None) -> None:
    """Passages in rank order: place, scores, the lines of `why`, text."""
    from rich.padding import Padding
    from rich.text import Text

    console = stdout()
    for passage in passages:
        known = {"cosine": passage.cosine, "reranker": passage.rerank_score}
        scores = [f"{name} {value:.3f}" for name, value in known.items() if value is not None]
        scores += [] if passage.keyword_score is None else [f"keyword {passage.keyword_score:.2f}"]
        head = Text(f"{passage.rank}. {place(passage.title, passage.pages, passage.section)}", style="bold")
        told = ", ".join([f"score {passage.score:.3f}", *scores])
        console.print(head.append(f"  ({told})", style="not bold dim"))
        for line in () if why is None else why(passage):
            console.print(Padding(Text(plain(line, one_line=True), style="dim"), (0, 0, 0, 3)))
        console.print(Padding(Text(plain(passage.text)), (0, 0, 1, 3)))


def print_legend(passages: Sequence[Passage]) -> None:
    """One dim line on stderr: what the scores of a search are."""
    from lastro.why import legend

    if passages:
        stderr().print(legend(passages), style="dim", soft_wrap=True)


def print_usage(usage: Usage) -> None:
    """One dim line on stderr: what the answer cost."""
    parts = []
    if usage.seconds_to_first_token is not None:
        parts.append(f"first token after {usage.seconds_to_first_token:.1f} s")
    if usage.tokens_per_second is not None:
        parts.append(f"{usage.tokens_per_second:.1f} tokens/s")
    if usage.seconds_total is not None:
        parts.append(f"{usage.seconds_total:.1f} s in all")
    parts.append(
        f"prompt {usage.prompt_tokens} tokens ({usage.cached_tokens} cached), {usage.completion_tokens} written"
    )
    stderr().print(" · ".join(parts), style="dim", soft_wrap=True)


def print_report(report: AddReport) -> None:
    """One line on stdout: how an `add` ended."""
    unchanged = sum(result.unchanged for result in report.results)
    counts = {
        "added": report.count("ok") + report.count("partial") - unchanged,
        "unchanged": unchanged,
        "partial": report.count("partial"),
        "empty": report.count("empty"),
        "failed": report.count("failed"),
    }
    told = [f"{count} {name}" for name, count in counts.items() if count or name == "added"]
    console = stdout()
    if not report.results and not report.skipped:
        console.print("nothing added: there is no file in what was named")
        return
    console.print(f"{', '.join(told)} in {report.seconds:.1f} s")
    if report.skipped:
        console.print(passed_over(report.skipped), soft_wrap=True)


def passed_over(paths: Sequence[str]) -> str:
    """One line on the files of folders that no parser reads, with their extensions.

    >>> passed_over(["/a/b.zip", "/a/c.XYZ", "/a/d.zip"]), passed_over(["/a/Makefile"])
    ('3 files of other types were passed over: .xyz, .zip', '1 file of another type was passed over: no extension')
    """
    types = sorted({plain(Path(path).suffix.lower(), one_line=True) or "no extension" for path in paths})
    shown = ", ".join(types[:_TYPES_SHOWN]) + (", …" if len(types) > _TYPES_SHOWN else "")
    many = "1 file of another type was" if len(paths) == 1 else f"{len(paths)} files of other types were"
    return f"{many} passed over: {shown}"


_CHECKED = {"index": "index entries"}


def print_verified(report: VerifyReport) -> None:
    """What `verify` looked at and each thing it found, in words, with what is left to do."""
    console = stdout()
    for finding in report.findings:
        about = f" (document {finding.document_id[:12]})" if finding.document_id else ""
        verb = "mended" if finding.repaired else "wrong"
        console.print(f"{verb:<7} {plain(f'{finding.check}: {finding.problem}{about}', one_line=True)}", soft_wrap=True)
        if finding.way_out and not finding.repaired:
            console.print(f"{'':<7} {plain(finding.way_out, one_line=True)}", soft_wrap=True)
    looked_at = ", ".join(f"{number} {_CHECKED.get(kind, kind)}" for kind, number in report.checked.items())
    wrong = sum(not finding.repaired for finding in report.findings)
    mended = len(report.findings) - wrong
    if report.checked.get("chunks") and "index" not in report.checked:
        console.print("not checked: the index, which is not there yet or may not be written; searches make it")
    outcome = "nothing is wrong" if not report.findings else f"{wrong} wrong, {mended} mended"
    console.print(f"checked {looked_at or 'nothing'} in {report.seconds:.1f} s: {outcome}", soft_wrap=True)


def print_libraries(libraries: Sequence[LibraryInfo]) -> None:
    """A table of this user's libraries; one that cannot be opened says why in the last column."""
    numbers = ("Documents", "Passages", "Size")
    table = new_table("Name", *numbers, "Embedder", "Folder", right=numbers)
    for info in libraries:
        counts = ("", "") if info.problem else (info.documents, info.chunks)
        where = f"cannot be opened: {info.problem}" if info.problem else str(info.path)
        size = f"{info.bytes / 1e6:.1f} MB"
        add_row(table, plain(info.name, one_line=True), *counts, size, info.embedder, plain(where, one_line=True))
    stdout().print(table)


def print_settings(rows: Iterable[tuple[str, object, str, str]], *, folder: Path) -> None:
    """A table of settings: name, value, origin, meaning with its range."""
    table = new_table("Setting", "Value", "From", "Meaning")
    for row in rows:
        add_row(table, *row)
    stdout().print(table)
    stdout().print(f"Libraries, models and lastro.toml live in {plain(str(folder))}", soft_wrap=True)


def _size(count: int) -> str:
    """Bytes as a reader would say them, in MB or GB of a million or a billion."""
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def print_models(listings: Sequence[ModelListing]) -> None:
    """A table of the models that the catalogue knows or the models folder holds."""
    table = new_table("Name", "Kind", "Size", "Installed", "Fits this machine", "Languages", "Licence", right=("Size",))
    for listing in listings:
        card, fit = listing.card, listing.fit
        size = _size(listing.bytes) if listing.bytes else ""
        room = "" if fit is None else ("yes" if fit.ok else f"no: {fit.advice}")
        languages = "" if card is None else ", ".join(card.languages[:6]) + ("…" if len(card.languages) > 6 else "")
        installed = "yes" if listing.installed else "no"
        add_row(
            table, listing.name, listing.kind, size, installed, room, languages, "" if card is None else card.licence
        )
    stdout().print(table)
