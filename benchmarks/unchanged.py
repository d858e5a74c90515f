"""Adding an unchanged corpus again costs next to nothing: nothing is parsed, nothing embedded, Chroma gets no row.

Each repeat adds the files to a fresh library, then adds them again: to the open library, and to the library opened
anew. Calls are counted where they would cost: texts handed to the embedder, and rows handed to Chroma. With --data the
files are the 23 PDFs of `faquad_pdf`, else generated texts.
"""

from __future__ import annotations

import hashlib
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import report

_FILES, _SENTENCES = 24, 120


def corpus(data: Path | None, folder: Path) -> list[Path]:
    """The files to add."""
    if data is not None:
        return sorted((data / "faquad_pdf" / "pdfs").glob("*.pdf"))
    words = "the lease rent company report annual spring summer river mountain cost law year member house".split()
    rng = random.Random(5)
    files = []
    for at in range(_FILES):
        lines = (" ".join(rng.choices(words, k=14)).capitalize() + f" {at}." for _ in range(_SENTENCES))
        files.append(folder / f"text-{at}.txt")
        files[-1].write_text("\n\n".join(lines), encoding="utf-8")
    return files


@contextmanager
def counted(calls: Counter[str]) -> Iterator[None]:
    """Count the texts given to the embedder, and the rows of every call that writes to a Chroma collection."""
    from chromadb.api.models.Collection import Collection

    from lastro.vectorstore.embeddings import LocalEmbeddings

    places: list[tuple[Any, str, str]] = [(LocalEmbeddings, "encode_documents", "texts"), (Collection, "add", "ids")]
    places += [(Collection, name, "ids") for name in ("upsert", "update", "delete")]
    kept = [getattr(owner, name) for owner, name, _what in places]

    def counting(name: str, what: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def replacement(self: Any, *given: Any, **options: Any) -> Any:
            calls[f"{name}: {what}"] += len(given[0] if given else options.get(what) or ())
            return call(self, *given, **options)

        return replacement

    try:
        for (owner, name, what), call in zip(places, kept, strict=True):
            setattr(owner, name, counting(name, what, call))
        yield
    finally:
        for (owner, name, _what), call in zip(places, kept, strict=True):
            setattr(owner, name, call)


def content_of(folder: Path) -> str:
    """One hash over every file of the Chroma folder; the library is closed."""
    digest = hashlib.sha256()
    for file in sorted(path for path in (folder / "chroma").rglob("*") if path.is_file()):
        digest.update(str(file.relative_to(folder)).encode() + file.read_bytes())
    return digest.hexdigest()


def timed(work: Callable[[], Any]) -> float:
    """Seconds that `work` took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def one_repeat(folder: Path, files: Sequence[Path], calls: Counter[str]) -> dict[str, float]:
    """Seconds of the first ingest and of both ways to add again; what they may not do is checked."""
    import lastro

    def anew() -> None:
        with lastro.open_library(folder) as opened:
            opened.add(files)

    seconds = {}
    with lastro.open_library(folder) as library:
        seconds["first"] = timed(lambda: library.add(files))
        records = library.documents()
    before, index = Counter(calls), content_of(folder)
    seconds["opened anew"] = timed(anew)
    with lastro.open_library(folder) as library:
        seconds["again"] = timed(lambda: library.add(files))
        unchanged = all(result.unchanged for result in library.add(files).results)
        assert unchanged, "a file that did not change was taken for another"
        assert library.documents() == records, "adding again changed the listing"
    assert calls == before, f"adding again called {calls - before}"
    assert content_of(folder) == index, "adding again wrote to the index"
    return seconds


def main() -> None:
    options = report.arguments(__doc__ or "")
    calls: Counter[str] = Counter()
    repeats = 2 if options.quick else 5
    with tempfile.TemporaryDirectory(prefix="lastro-unchanged-") as name, counted(calls):
        folder = Path(name)
        files = corpus(options.data, folder)
        one_repeat(folder / "warm", files, calls)
        calls.clear()
        taken = [one_repeat(folder / f"r{at}", files, calls) for at in range(repeats)]
    seconds = {key: [each[key] for each in taken] for key in taken[0]}
    shares = {key: report.ratio(seconds[key], seconds["first"]) for key in ("again", "opened anew")}
    print(f"{report.machine()}; {len(files)} files, {repeats} repeats\n")
    report.table(
        ("adding", "seconds", "share of the first"),
        [(key, report.spread(values), f"{shares.get(key, 1):.2%}") for key, values in seconds.items()],
    )
    print(f"\nin all first ingests: {dict(calls)}; in all others: nothing")
    report.last_line(
        {
            "unchanged_share": round(shares["again"], 5),
            "opened_anew_share": round(shares["opened anew"], 5),
            "texts_embedded_again": 0,  # asserted in each repeat
            "rows_written_again": 0,
        }
    )


if __name__ == "__main__":
    main()
