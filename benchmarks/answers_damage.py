"""Statements damaged by rule: a number, a date or a name put in place of another, a whole answer, a negation."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.answers_statements import Statement, statement

Row = dict[str, Any]
_NUMBER = re.compile(r"(?<![\w.,])\d+(?:[.,]\d+)*(?![\w])(?![.,]\d)")
_YEAR = re.compile(r"^(?:1[0-9]|20)\d\d$")
_CAPITAL = r"[A-ZÁÉÍÓÚÂÊÔÃÕÇ]\w+"
_NAME = re.compile(
    rf"(?<![.!?:;\n\"“(] )(?<![\w\"“(-]){_CAPITAL}(?: (?:d[aeo]s? |of |the |al-)?{_CAPITAL})*(?![\w'’-])"
)
_WORDS = {
    "en": "two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty".split(),
    "pt": "dois três quatro cinco seis sete oito nove dez onze doze vinte trinta quarenta cinquenta".split(),
}
_MONTHS = {
    "en": "January February March April May June July August September October November December".split(),
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro".split(),
}
_SEVERAL = re.compile(
    r"\b(?:one of|an? (?:example|instance)|examples?|some|besides|other than|addition|another|else|also|name an?|"
    r"um d[oa]s|uma das|um exemplo|exemplos?|alguns|algumas|além|outr[oa]s?|também|um|uma)\b",
    re.IGNORECASE,
)  # fmt: skip
KINDS = (
    "number", "date", "name", "answer_same_passage", "answer_other_passage", "asked_number", "asked_name", "negation"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Made:
    """A statement to check: its text, or an answer with its question; `damage` is "" where it is right."""

    row_id: str
    text: str
    question: str = ""  # of a fragment
    damage: str = ""
    lang: str = ""
    gold: str = ""  # id of the passage


@dataclass
class Maker:
    """Makes the right statement of a question and its damaged likenesses; choices hang on the question's id alone."""

    rows: Sequence[Row]
    texts: dict[str, str]  # passages by id
    _answers: dict[str, list[Row]] = field(default_factory=dict)  # by passage

    def __post_init__(self) -> None:
        for row in self.rows:
            self._answers.setdefault(row["gold_ids"][0], []).append(row)

    def made(self, row: Row) -> Iterator[Made]:
        """The right statement first."""
        yield self._put(row, row["question"], row["answers"][0], "")
        for kind, question, answer in self._damaged(row):
            yield self._put(row, question, answer, kind)
        whole = statement(row["question"], row["answers"][0], row["lang"])
        if whole is not None and whole.negated:
            yield Made(row["id"], whole.negated, "", "negation", row["lang"], row["gold_ids"][0])

    def _put(self, row: Row, question: str, answer: str, kind: str) -> Made:
        whole: Statement | None = statement(question, answer, row["lang"])
        if whole is None:
            return Made(row["id"], answer, question, kind, row["lang"], row["gold_ids"][0])
        return Made(row["id"], whole.text, "", kind, row["lang"], row["gold_ids"][0])

    def _damaged(self, row: Row) -> Iterator[tuple[str, str, str]]:
        draw = random.Random(f"damage {row['id']}")
        passage = self.texts[row["gold_ids"][0]]
        known = [*row["answers"], row["question"]]
        question, answer = row["question"], row["answers"][0]
        yield from ((kind, question, changed) for kind, changed in _value(answer, passage, known, row["lang"], draw))
        if _is_name(answer) and (other := _other_name(passage, known, draw)):
            yield "name", question, other
        if not _SEVERAL.search(question):
            for kind, same in (("answer_same_passage", True), ("answer_other_passage", False)):
                if found := self._other_answer(row, draw, same=same):
                    yield kind, question, found
        for _kind, changed in _value(question, passage, known, row["lang"], draw):
            yield "asked_number", changed, answer
            break
        if changed := self._asked_name(row, draw):
            yield "asked_name", changed, answer

    def _asked_name(self, row: Row, draw: random.Random) -> str:
        """The question with one of its names changed, to one of another sentence, or else of another passage."""
        question, passage = row["question"], self.texts[row["gold_ids"][0]]
        found = [match for match in _NAME.finditer(question) if match.start()]
        if not found:
            return ""
        known = [*row["answers"], question]
        here = _around(passage, row["answers"][0])
        fits = _names(passage, [*known, here])
        if not fits:
            other = self.texts[draw.choice(sorted(self.texts))]
            fits = _names(other, [*known, passage])
        chosen = draw.choice(found)
        return question[: chosen.start()] + draw.choice(fits) + question[chosen.end() :] if fits else ""

    def _other_answer(self, row: Row, draw: random.Random, *, same: bool) -> str:
        """The answer to another question that asks alike, of the same passage or of another."""
        key = row["gold_ids"][0]
        pool = self._answers[key] if same else self.rows
        alike = [one for one in pool if _asks(one) == _asks(row) and (same or one["gold_ids"][0] != key)]
        fits = [one["answers"][0] for one in alike if _new(one["answers"][0], [*row["answers"], row["question"]])]
        if not same:  # what the right passage says too may be right
            fits = [one for one in fits if _new(one, [self.texts[key]])]
        return draw.choice(fits) if fits else ""


def _asks(row: Row) -> str:
    """How a question asks, and what its answer looks like."""
    words = re.findall(r"\w+", row["question"].casefold())
    first = next((word for word in words if word in _ASKING), words[0] if words else "")
    answer = row["answers"][0]
    shape = "number" if _NUMBER.search(answer) else "name" if _is_name(answer) else "words"
    return f"{first} {shape} {min(len(answer.split()) // 4, 2)}"


_ASKING = frozenset(
    "who what when where which why how quem que qual quais quando onde como quanto quantos quantas por para".split()
)


def _new(text: str, known: Sequence[str]) -> bool:
    """Whether a text shares no telling word with what is known to be right."""
    words = {word for word in re.findall(r"\w{3,}|\d+", text.casefold())}
    return bool(words) and not any(words & set(re.findall(r"\w{3,}|\d+", one.casefold())) for one in known)


def _is_name(answer: str) -> bool:
    return answer[:1].isupper() and len(answer.split()) <= 5 and not _NUMBER.search(answer)


def _value(text: str, passage: str, known: Sequence[str], lang: str, draw: random.Random) -> Iterator[tuple[str, str]]:
    """The text with one of its numbers, or the month of its date, changed."""
    for match in _NUMBER.finditer(text):
        old = match.group()
        dated = _is_date(text, old)
        taken = {one for words in known for one in _NUMBER.findall(words)}
        pool = [one for one in _NUMBER.findall(passage) if one not in taken and _is_date(passage, one) == dated]
        new = draw.choice(sorted(set(pool))) if pool else _near(old, draw)
        yield ("date" if dated else "number"), text[: match.start()] + new + text[match.end() :]
        return
    for kind, words in (("date", _MONTHS[lang]), ("number", _WORDS[lang])):
        present = [word for word in words if re.search(rf"\b{word}\b", text)]
        left = [word for word in words if not any(re.search(rf"\b{word}\b", one, re.I) for one in known)]
        if present and left and present[0] not in ("May", "March"):
            yield kind, re.sub(rf"\b{present[0]}\b", draw.choice(left), text, count=1)
            return


def _is_date(text: str, number: str) -> bool:
    months = "|".join([*_MONTHS["en"], *_MONTHS["pt"]])
    beside = re.search(rf"(?:{months}),? {re.escape(number)}\b|\b{re.escape(number)} (?:de )?(?:{months})", text)
    return bool(_YEAR.match(number) or beside)


def _near(old: str, draw: random.Random) -> str:
    """Another number of the same shape."""
    while True:
        digits = [draw.choice("123456789") if sign.isdigit() else sign for sign in old]
        new = "".join(digits)
        if _YEAR.match(old):
            new = str(int(old) + draw.choice([-17, -9, -4, 3, 8, 21]))
        if new != old:
            return new


def _names(passage: str, known: Sequence[str]) -> list[str]:
    """The names of a passage that what is known to be right has no word of."""
    return sorted({name for name in _NAME.findall(passage)[1:] if _new(name, known)})


def _other_name(passage: str, known: Sequence[str], draw: random.Random) -> str:
    fits = _names(passage, known)
    return draw.choice(fits) if fits else ""


def _around(passage: str, answer: str) -> str:
    """The sentences of a passage that hold an answer."""
    parts = re.split(r"(?<=[.!?])\s+", passage)
    return " ".join(part for part in parts if answer.casefold() in part.casefold()) or passage
