"""What a reader of claims learns from: pairs of passages read beside a claim, and what is held out of them."""

from __future__ import annotations

import argparse
import hashlib
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from typing import Any

from benchmarks.answers_damage import _NAME, _NUMBER, _is_date
from benchmarks.contrast import Asked, Contrast, Passages, Side, contrasts, held_out, questions, twins
from benchmarks.pairs import evidence_of


@dataclass(frozen=True)
class Pair:
    """A claim, with its question before it, beside what is read of a backing passage and of another.

    With `instead` another claim is read beside the other passage: an answer with a question that it does not answer.
    """

    group: str
    language: str
    claim: str
    backing: str
    other: str
    instead: str = ""

    @property
    def read(self) -> tuple[tuple[str, str], tuple[str, str]]:
        """What is read together: the passage and the claim that it backs, and those that do not go together."""
        return (self.backing, self.claim), (self.other, self.instead or self.claim)


Unit = tuple[Pair, ...]


def pair_of(one: Contrast) -> Pair | None:
    """What is read of both versions of a claim's passages; None where they read alike.

    The sentences that differ are always among it. In use those that the checker found are, which may miss some: what is
    measured on such pairs is the reader alone, at its best.
    """
    from lastro.chains.checking.reader import premise

    said = f"{one.row['question']} {one.row['claim']}".strip()
    backing, other = (_evidence(one.row["lang"], passages) for passages in (one.backing, one.other))
    texts = [{source.text for group in evidence.sentences for source in group} for evidence in (backing, other)]
    changed = [
        [source for group in evidence.sentences for source in group if source.text not in there]
        for evidence, there in ((backing, texts[1]), (other, texts[0]))
    ]
    read = [premise(said, evidence, found) for evidence, found in zip((backing, other), changed, strict=True)]
    return Pair(one.group, one.row["lang"], said, *read) if read[0] != read[1] else None


def answered(one: Asked) -> Unit:
    """What is read of two questions of which a passage answers one, and after an edit the other.

    Beside either version stands the sentence that holds the answer, or, for some, the short answer alone.
    """
    found = []
    for side in one.sides:
        told = side.answer if one.short else side.sentence
        said, unsaid = f"{side.question} {told}", f"{side.other} {told}"
        found.append(Pair(one.group, one.language, said, _near(one, side, said), _near(one, side, unsaid), unsaid))
    return tuple(found)


def beside(one: Asked) -> Unit:
    """A question with the sentence that answers it, and with the one of its passage that looks most like an answer."""
    side = one.sides[0]
    evidence = _evidence_of(one.language, (side.passage,))
    wanted = evidence.stems(side.question, one.language)
    others = [source for group in evidence.sentences for source in group if not _same(source.text, side.sentence)]
    if not others:
        return ()
    best = max(others, key=lambda source: len(wanted & evidence.stems(source.text, source.passage.language)))
    said, unsaid = f"{side.question} {side.sentence}", f"{side.question} {best.text}"
    wrong = replace(side, sentence=best.text)
    return (Pair(one.group, one.language, said, _near(one, side, said), _near(one, wrong, unsaid), unsaid),)


def _near(one: Asked, side: Side, said: str) -> str:
    """What is read of a passage beside an answer: its sentence, with those that share most with it."""
    from lastro.chains.checking.reader import premise

    evidence = _evidence_of(one.language, (side.passage,))
    held = [source for group in evidence.sentences for source in group if _same(source.text, side.sentence)]
    return premise(said, evidence, held)


def _same(one: str, other: str) -> bool:
    return one in other or other in one


def _evidence(language: str, passages: Passages) -> Any:
    return _evidence_of(language, tuple((one["id"], one["title"], one["text"]) for one in passages))


@lru_cache(maxsize=64)
def _evidence_of(language: str, passages: tuple[tuple[str, str, str], ...]) -> Any:
    rows = [{"id": key, "title": title, "text": text} for key, title, text in passages]
    return evidence_of({"lang": language, "passages": rows})


def unit(group: Sequence[Contrast]) -> Unit:
    """What is learnt together: one pair, or two that are twins; fewer where both passages read alike."""
    return tuple(pair for one in group if (pair := pair_of(one)) is not None)


def swaps(every: Sequence[Contrast], draw: random.Random) -> Iterator[tuple[Contrast, Contrast]]:
    """Passages in which what a claim names has changed places with another thing of its kind, and the claim with it.

    Each gives twins: the claim, which only the passage as it was backs, and the claim with the other thing, which only
    the changed passage backs. So the words of both passages are the same. Some are wrong: where two did the same thing
    together, either passage backs either claim.
    """
    for one in every:
        text = " ".join(passage["text"] for passage in one.backing)
        said = f"{one.row['claim']} {one.row['question']}"
        fits = [
            (mine, other)
            for mine, kind in _things(text) if _once(mine, text) and _once(mine, said)
            for other, same in _things(text)
            if same == kind and other != mine and _once(other, text) and not _times(other, said)
            and not set(mine.split()) & set(other.split()) and (kind == "name" or abs(len(mine) - len(other)) <= 2)
        ]  # fmt: skip
        if fits:
            mine, other = draw.choice(fits)
            swapped = [passage | {"text": _swapped(passage["text"], mine, other)} for passage in one.backing]
            changed = {key: _swapped(one.row[key], mine, other) for key in ("claim", "question")}
            yield Contrast(one.row, one.backing, swapped), Contrast({**one.row, **changed}, swapped, one.backing)


def _things(text: str) -> list[tuple[str, str]]:
    numbers = [(found, "date" if _is_date(text, found) else "number") for found in _NUMBER.findall(text)]
    return [*numbers, *((found, "name") for found in _NAME.findall(text))]


def _pattern(thing: str) -> str:
    return rf"(?<![\w.,]){re.escape(thing)}(?!\w)"


def _times(thing: str, text: str) -> int:
    return len(re.findall(_pattern(thing), text))


def _once(thing: str, text: str) -> bool:
    return _times(thing, text) == 1


def _swapped(text: str, one: str, other: str) -> str:
    return re.sub(f"{_pattern(one)}|{_pattern(other)}", lambda found: other if found.group() == one else one, text)


@dataclass(frozen=True)
class Material:
    """What is learnt from, what is held out, and the counts of the former."""

    groups: list[Sequence[Contrast]]
    asked: list[Asked]
    held_edits: list[Contrast]
    held_twins: list[Contrast]
    held_asked: list[Asked]
    counts: dict[str, int]

    @property
    def held_out_groups(self) -> list[str]:
        """The passages that nothing is learnt from."""
        return sorted({one.group for one in (*self.held_edits, *self.held_twins)})

    def units(self) -> list[Unit]:
        """What is learnt from, as it is read; without what reads alike on both sides."""
        return [pairs for pairs in (*map(unit, self.groups), *map(answered, self.asked), *map(beside, self.asked))
                if pairs]  # fmt: skip


def kept_back(group: str) -> bool:
    """Whether the twins of a passage are held out: one of 16, by the hash of its name."""
    return hashlib.sha256(group.encode()).hexdigest()[0] == "0"


def material(chosen: argparse.Namespace) -> Material:
    """The edits, twins, swaps and questions that are chosen, without the passages that are held out.

    Raises:
        SystemExit: no twins have such a part.
    """
    every, without, draw = list(contrasts()), held_out(), random.Random(chosen.seed)
    of_passages = [pair for pair in twins() if pair[0].group not in without and not kept_back(pair[0].group)]
    if unknown := sorted(set(chosen.parts) - {_part(pair[0]) for pair in of_passages}):
        raise SystemExit(f"--parts {', '.join(unknown)}: no twins are of that part")
    edits = [one for one in every if one.group not in without]
    chosen_twins = [pair for pair in of_passages if not chosen.parts or _part(pair[0]) in chosen.parts]
    draw.shuffle(edits)
    draw.shuffle(chosen_twins)
    sources = [*edits, *(first for first, _ in chosen_twins)]
    draw.shuffle(sources)
    some = edits[: chosen.first], chosen_twins[: chosen.twins], list(islice(swaps(sources, draw), chosen.swaps))
    asked = list(questions())
    taught = [one for one in asked if one.group not in without and not kept_back(one.group)]
    draw.shuffle(taught)
    taught = taught[: chosen.questions]
    return Material(
        [*((one,) for one in some[0]), *some[1], *some[2]],
        taught,
        [one for one in every if one.group in without],
        [one for pair in twins() for one in pair if pair[0].group in without or kept_back(pair[0].group)],
        [one for one in asked if one.group in without or kept_back(one.group)],
        {"edits": len(some[0]), "twins": len(some[1]), "swaps": len(some[2]), "questions": len(taught)},
    )


def _part(one: Contrast) -> str:
    return one.group.partition("_")[0]


def may_have_learnt(about: dict[str, Any], given: Material) -> list[str]:
    """The held-out passages that a reader may have learnt from, by what its file says.

    Passages of twins that came after it are no such: it either learnt from no twins, or held out by the same hash.
    """
    known, of_twins = set(about["held_out_groups"]), {one.group for one in given.held_twins}
    left = sorted(set(given.held_out_groups) - known)
    by_the_hash = bool(known & of_twins) or not _learnt_from_twins(about["learnt_from"])
    return [group for group in left if not (by_the_hash and group in of_twins and kept_back(group))]


def _learnt_from_twins(learnt: dict[str, Any]) -> bool:
    return bool(learnt.get("twins")) or any(_learnt_from_twins(one) for one in learnt.get("after", ()))
