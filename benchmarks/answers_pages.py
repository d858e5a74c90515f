"""The cited page against the gold page, over real PDFs read by the ingest."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.answers_chain import holds
from benchmarks.answers_recorded import NotRecordedError
from benchmarks.answers_sets import Bench, pick
from benchmarks.followups import rows

MOST = 100  # questions
HEADER = ("figure", "count", "of")


def pages(bench: Bench, first: int) -> tuple[list[list[object]], dict[str, Any]]:
    """Counts over the answerable questions of `faquad_pdf`, and the share of right answers with the right page."""
    library = bench.library("faquad_pdf")
    files = {document.id: Path(document.sources[0]).name for document in library.documents()}
    retry = {"retry": False} if bench.replay_only else {}
    chain = bench.chain(library, **retry)
    count: Counter[str] = Counter()
    asked = [row for row in rows(bench.folder("faquad_pdf") / "queries.jsonl") if row["answerable"]]
    for row in pick(asked, min(first, MOST)):
        try:
            answer = chain.invoke(row["question"])
        except NotRecordedError:
            continue
        bench.given.append((library, answer))
        gold = {(row["meta"]["file"], page) for page in row["meta"]["pages"]}
        cited = [(files[one.document_id], one.page) for one in answer.citations]
        right = answer.state != "not_found" and holds(answer.words, row)
        count["asked"] += 1
        count["refused"] += answer.state == "not_found"
        count["cites"] += bool(cited)
        count["any"] += bool(gold.intersection(cited))
        count["right"] += right
        count["right_any"] += right and bool(gold.intersection(cited))
        count["right_first"] += right and bool(cited) and cited[0] in gold
        count["right_all"] += right and bool(cited) and set(cited) <= gold
        count["quoted"] += answer.extracted
    table: list[list[object]] = [
        ["refused", count["refused"], count["asked"]],
        ["answers that are a quotation", count["quoted"], count["asked"]],
        ["a gold page is cited", count["any"], count["asked"]],
        ["a gold page is cited, of those that cite", count["any"], count["cites"]],
        ["right answers", count["right"], count["asked"]],
        ["right answers that cite a gold page", count["right_any"], count["right"]],
        ["right answers whose first citation is of a gold page", count["right_first"], count["right"]],
        ["right answers that cite gold pages alone", count["right_all"], count["right"]],
    ]
    share = round(count["right_any"] / count["right"], 4) if count["right"] else None
    return table, {"asked": count["asked"], "right": count["right"], "right_page": share}
