"""A thousand answers over the public sets whose text is made by rule, for the check of their citations.

To cite is our own part, whoever writes. The starter model writes one answer in some twenty seconds, so here a script
does: the gold answer as a statement, the same damaged, and a sentence of a passage as it stands, each with a marker
that is drawn, so that most point to the wrong passage and some to none.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.answers_damage import Maker
from benchmarks.answers_sets import Bench, Row, pick
from benchmarks.followups import rows

if TYPE_CHECKING:
    from lastro.types import Answer

SETS = ("squad2_en", "squad2_pt", "faquad_pt", "faquad_pdf")
EACH = 250  # questions of a set
HEADER = ("set", "answers", "with citations", "citations", "right statement backed", "of these, gold page cited")


@dataclass(frozen=True)
class Scripted:
    """A question, what is written for it, and the answer that came of it."""

    row: Row
    right: str  # the statement of the gold answer
    answer: Answer


def scripted(bench: Bench, first: int) -> tuple[list[list[object]], dict[str, Any]]:
    """Rows by set; every answer is left in `bench.given`."""
    table: list[list[object]] = []
    figures: Counter[str] = Counter()
    for name in SETS:
        found = list(of_set(bench, name, min(first, EACH)))
        cited = [one for one in found if one.answer.citations]
        backed = [one for one in found if _backed(one)]
        paged = [one for one in backed if name == "faquad_pdf"]
        on_page = sum(_on_gold_page(bench, one) for one in paged)
        count = sum(len(one.answer.citations) for one in found)
        table.append([name, len(found), len(cited), count, len(backed), f"{on_page}/{len(paged)}" if paged else "-"])
        figures += Counter(answers=len(found), citations=count, backed=len(backed), paged=len(paged), on_page=on_page)
    return table, dict(figures)


def of_set(bench: Bench, name: str, first: int) -> Iterator[Scripted]:
    """The answers to a set's first questions."""
    from tests.fakes import ScriptedChat

    library = bench.library(name)
    said = [""]
    chat = ScriptedChat(script=lambda _messages: said[0], context_size=16_384)
    chain = bench.chain(library, llm=chat, retry=False)
    for row, right, said[0] in texts(bench.folder(name), first):
        answer = chain.invoke(row["question"])
        bench.given.append((library, answer))
        yield Scripted(row, right, answer)


def texts(folder: Path, first: int) -> Iterator[tuple[Row, str, str]]:
    """The first questions, with the right statement and all that is written."""
    every = [row for row in rows(folder / "queries.jsonl") if row["answerable"] and row["gold_ids"]]
    corpus = {row["id"]: row["text"] for row in rows(folder / "corpus.jsonl")}
    maker = Maker([row for row in every if row["gold_ids"][0] in corpus], corpus)
    for row in pick(maker.rows, first):
        draw = random.Random(f"scripted {row['id']}")
        right, *damaged = maker.made(row)
        sentence = draw.choice([one for one in corpus[row["gold_ids"][0]].split(". ") if one.strip()])
        said = [right.text, *(one.text for one in draw.sample(damaged, min(1, len(damaged)))), sentence.strip(". \n")]
        yield row, right.text, " ".join(f"{one.rstrip('.')} [{draw.randint(1, 9)}]." for one in said)


def _backed(one: Scripted) -> bool:
    return any(sentence.backed and one.right.rstrip(".") in sentence.text for sentence in one.answer.sentences)


def _on_gold_page(bench: Bench, one: Scripted) -> bool:
    """Whether the sentence of the right statement cites a page that the gold answer is on."""
    library = bench.library("faquad_pdf")
    files = {document.id: Path(document.sources[0]).name for document in library.documents()}
    gold = {(one.row["meta"]["file"], page) for page in one.row["meta"]["pages"]}
    return any(
        (files[cited.document_id], cited.page) in gold
        for sentence in one.answer.sentences
        if sentence.backed and one.right.rstrip(".") in sentence.text
        for cited in (one.answer.citations[at] for at in sentence.citations)
    )
