"""Right file and page among passages and citations, and citations where there is nothing to cite.

Needs --data: the 23 PDFs of `faquad_pdf` are added to a fresh library, answerable questions about them are asked
through the whole chain with the starter model, and so are questions of `faquad_pt/queries_out_of_corpus.jsonl`, which
the PDFs cannot answer. `--first N` questions of each set, from `--skip M` on; 50 from 0 unless told.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks import report

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")


def rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def options() -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="ten questions of each set")
    parser.add_argument("--data", type=Path, required=True, help="folder of the public question sets")
    parser.add_argument("--first", type=int, default=50)
    parser.add_argument("--skip", type=int, default=0)
    parser.add_argument("--verbose", action="store_true", help="print every question that went wrong")
    return parser.parse_args()


class Score:
    """Counts what was right, and keeps what was wrong for reading."""

    def __init__(self, library: Any) -> None:
        self.files = {document.id: Path(document.sources[0]).name for document in library.documents()}
        self.library = library
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []

    def answerable(self, row: dict[str, Any], answer: Any) -> None:
        """Score an answer whose file and pages are known."""
        file, pages = row["meta"]["file"], row["meta"]["pages"]
        in_passages = any(
            self.files[passage.document_id] == file
            and any(passage.page_start <= page <= passage.page_end for page in pages)
            for passage in (*answer.passages, *answer.dropped)
        )
        in_citations = any(
            self.files[citation.document_id] == file and citation.page in pages for citation in answer.citations
        )
        self.counts["asked"] += 1
        self.counts["passages"] += in_passages
        self.counts["citations"] += in_citations
        self.counts["cited"] += bool(answer.citations)
        self.counts["extracted"] += answer.extracted
        self.counts["holds_answer"] += any(gold.casefold() in answer.text.casefold() for gold in row["answers"])
        self._check_quotes(answer)
        if not in_citations:
            self.wrong.append(
                f"{row['question']}\n   -> {answer.state} {answer.text[:160]!r}\n   gold {row['answers'][:1]}"
            )

    def unanswerable(self, row: dict[str, Any], answer: Any) -> None:
        """Score an answer to a question that the documents cannot answer."""
        self.counts["impossible"] += 1
        self.counts["impossible_cited"] += bool(answer.citations)
        self._check_quotes(answer)
        if answer.citations:
            self.wrong.append(f"OUT OF CORPUS {row['question']}\n   -> {answer.text[:200]!r}")

    def _check_quotes(self, answer: Any) -> None:
        for citation in answer.citations:
            self.counts["quotes"] += 1
            text = self.library.text(citation.document_id)
            self.counts["exact"] += citation.quote == text[citation.start : citation.end]


def main() -> None:
    """Run, print the table and the figures."""
    import lastro

    chosen = options()
    first = 10 if chosen.quick else chosen.first
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="lastro-grounding-") as folder:
        library = lastro.open_library(Path(folder) / "library")
        library.add(chosen.data / "faquad_pdf" / "pdfs")
        chain, score = lastro.answer_chain(library), Score(library)
        asked = [row for row in rows(chosen.data / "faquad_pdf" / "queries.jsonl") if row["answerable"]]
        for row in asked[chosen.skip : chosen.skip + first]:
            score.answerable(row, chain.invoke(row["question"]))
        for row in rows(chosen.data / "faquad_pt" / "queries_out_of_corpus.jsonl")[chosen.skip : chosen.skip + first]:
            score.unanswerable(row, chain.invoke(row["question"]))
        library.close()
    if chosen.verbose:
        print("\n".join(score.wrong))
    counts = score.counts
    print(f"{report.machine()}; {time.perf_counter() - began:.0f} s\n")
    report.table(
        ("figure", "count", "of"),
        [
            ("right file and page among the passages", counts["passages"], counts["asked"]),
            ("right file and page among the citations", counts["citations"], counts["asked"]),
            ("answers that cite anything", counts["cited"], counts["asked"]),
            ("answers that are a quotation", counts["extracted"], counts["asked"]),
            ("answers that hold the gold answer", counts["holds_answer"], counts["asked"]),
            ("quotes that are exact", counts["exact"], counts["quotes"]),
            ("impossible questions answered with a citation", counts["impossible_cited"], counts["impossible"]),
        ],
    )
    report.last_line({key: counts[key] for key in sorted(counts)})


if __name__ == "__main__":
    main()
