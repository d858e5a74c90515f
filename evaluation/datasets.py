"""Question sets and corpora: JSONL files, one object a line, as docs/evaluation.md describes them."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lastro.detection import detect_language
from lastro.errors import QuestionSetError
from lastro.setting_errors import did_you_mean

MAX_GRADE = 3
_SURROGATE = re.compile("[\ud800-\udfff]")  # a pair of them is read as one character
_LANG = re.compile(r"[a-z]{2,3}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and where its answer stands."""

    id: str
    question: str
    gold_ids: tuple[str, ...] = ()  # what answers it; see `lastro.evaluation.places` for their form
    answers: tuple[str, ...] = ()
    answerable: bool = True
    lang: str = "und"  # ISO 639-1
    meta: Mapping[str, Any] = field(default_factory=dict)
    line: int = 0  # of its file, from 1

    @property
    def grades(self) -> dict[str, int]:
        """Graded relevance by gold id, 0 to 3, where the set has it."""
        return dict(self.meta.get("grades") or {})

    @property
    def draft(self) -> bool:
        """Whether a program wrote it and nobody has read it yet."""
        return bool(self.meta.get("draft"))


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """The questions of one file."""

    path: Path
    sha256: str  # of the file's bytes
    questions: tuple[Question, ...]

    @property
    def drafts(self) -> int:
        """Questions that nobody has read yet."""
        return sum(question.draft for question in self.questions)


@dataclass(frozen=True, slots=True)
class CorpusRow:
    """A passage of a corpus that is brought into a library as a document of its own."""

    id: str
    text: str
    title: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)


def load_questions(path: str | Path) -> QuestionSet:
    """The questions of a JSONL file, texts in NFC.

    Raises:
        QuestionSetError: a line breaks a rule; the message names file, line, value and rule.
    """
    file = Path(path)
    data = _read(file)
    questions = [_question(file, line, row) for line, row in _rows(file, data, "questions")]
    _refuse_doubles(file, [(question.id, question.line) for question in questions])
    return QuestionSet(file, hashlib.sha256(data).hexdigest(), tuple(questions))


def load_corpus(path: str | Path) -> tuple[CorpusRow, ...]:
    """The passages of a JSONL file, texts in NFC.

    Raises:
        QuestionSetError: as `load_questions`.
    """
    file = Path(path)
    found, places = [], []
    for line, row in _rows(file, _read(file), "passages"):
        _check(file, line, row, _CORPUS, required=("id", "text"))
        found.append(CorpusRow(row["id"], row["text"], row.get("title") or "", row.get("meta") or {}))
        places.append((row["id"], line))
    _refuse_doubles(file, places)
    return tuple(found)


def to_json(question: Question) -> str:
    """A question as one line of a question set."""
    row = {
        "id": question.id, "question": question.question, "answers": list(question.answers),
        "gold_ids": list(question.gold_ids), "answerable": question.answerable, "lang": question.lang,
        "meta": dict(question.meta),
    }  # fmt: skip
    return json.dumps(row, ensure_ascii=False)


@contextmanager
def new_questions(path: Path) -> Iterator[Callable[[Question], None]]:
    """A new question set, as what appends a question; each is in the file at once, so nothing is lost on the way.

    The file must not exist yet: nobody's corrections are written over. One that got no question is removed again.

    Raises:
        QuestionSetError: the file exists, or cannot be written.
    """
    try:
        file = path.open("x", encoding="utf-8", newline="\n")
    except FileExistsError as error:
        raise QuestionSetError(f"{path}: exists already; name another file, or remove it") from error
    except OSError as error:
        raise _unwritable(path, error) from error
    count = 0

    def append(question: Question) -> None:
        nonlocal count
        try:
            file.write(to_json(question) + "\n")
            file.flush()
        except OSError as error:
            raise _unwritable(path, error) from error
        count += 1

    try:
        with file:
            yield append
    finally:
        if not count:
            path.unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError) -> QuestionSetError:
    return QuestionSetError(f"{path}: cannot be written ({error.strerror}); name another file")


# Reading lines ------------------------------------------------------------------------------------------------------


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise QuestionSetError(f"{file}: cannot be read ({error.strerror}); give a JSONL file") from error


def _rows(file: Path, data: bytes, of_what: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each line that is not blank, with its number, as an object in NFC."""
    empty = True
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not line.strip():
            continue
        empty = False
        try:
            row = json.loads(line.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise _wrong(file, number, f"not UTF-8 at byte {error.start + 1}; save the file as UTF-8") from error
        except (ValueError, RecursionError) as error:
            raise _wrong(file, number, f"not JSON ({error}); one object a line") from error
        if not isinstance(row, dict):
            raise _wrong(file, number, f"a JSON {type(row).__name__}; each line is an object, as in {{...}}")
        half = _SURROGATE.search(json.dumps(row, ensure_ascii=False))
        if half is not None:  # no model and no file takes one
            raise _wrong(file, number, f"\\u{ord(half[0]):04x} is half of a character; write it with its other half")
        yield number, _nfc(row)
    if empty:
        raise QuestionSetError(f"{file}: holds no {of_what}; one JSON object a line")


def _nfc(value: Any) -> Any:
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, list):
        return [_nfc(item) for item in value]
    if isinstance(value, dict):
        return {_nfc(key): _nfc(item) for key, item in value.items()}
    return value


def _wrong(file: Path, line: int, problem: str) -> QuestionSetError:
    return QuestionSetError(f"{file}:{line}: {problem}")


def _refuse_doubles(file: Path, places: Sequence[tuple[str, int]]) -> None:
    first: dict[str, int] = {}
    for key, line in places:
        if first.setdefault(key, line) != line:
            raise _wrong(file, line, f"id {key!r} stands on line {first[key]} already; every id is given once")


# One line -----------------------------------------------------------------------------------------------------------


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _filled(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_filled, value))


# What a field must be, and that in words.
Rule = tuple[Callable[[Any], bool], str]
_QUESTIONS: dict[str, Rule] = {
    "id": (_filled, "a text that is not empty"),
    "question": (_filled, "a text that is not empty"),
    "answers": (_texts, 'a list of texts, as in ["31 May 2027"]'),
    "gold_ids": (_texts, 'a list of texts, as in ["lease.pdf#page=3"]'),
    "answerable": (lambda value: isinstance(value, bool), "true or false"),
    "lang": (lambda value: _text(value) and _code(value) is not None, 'a language code, as in "pt"'),
    "meta": (lambda value: isinstance(value, dict), "an object"),
}
_CORPUS: dict[str, Rule] = {
    "id": _QUESTIONS["id"],
    "text": (_text, "a text"),
    "title": (_text, "a text"),
    "meta": _QUESTIONS["meta"],
}


def _check(file: Path, line: int, row: dict[str, Any], rules: Mapping[str, Rule], *, required: Sequence[str]) -> None:
    for name, value in row.items():
        if name not in rules:
            hint = did_you_mean(name, rules) or f"; there are {', '.join(rules)}; put what is yours under meta"
            raise _wrong(file, line, f"no field {name!r}{hint}")
        holds, rule = rules[name]
        if value is not None and not holds(value):
            raise _wrong(file, line, f"{name} = {json.dumps(value, ensure_ascii=False)[:80]}: must be {rule}")
    for name in required:
        if row.get(name) is None:
            raise _wrong(file, line, f"{name} is missing; it must be {rules[name][1]}")


def _code(lang: str) -> str | None:
    """A language's code without its region: "pt" of "pt-BR"; None where it is no code."""
    head = lang.replace("_", "-").partition("-")[0]
    return head.lower() if _LANG.fullmatch(head) else None


def _question(file: Path, line: int, row: dict[str, Any]) -> Question:
    _check(file, line, row, _QUESTIONS, required=("question",))
    text = row["question"].strip()
    if row.get("gold_ids") is None and row.get("answerable") is not False:
        raise _wrong(
            file, line, 'gold_ids is missing; say where the answer stands, as in ["lease.pdf#page=3"], or set '
            '"answerable": false'
        )  # fmt: skip
    answerable = row.get("answerable")
    meta = row.get("meta") or {}
    _check_grades(file, line, meta)
    return Question(
        id=row.get("id") or hashlib.sha256(text.encode()).hexdigest()[:12],
        question=text,
        gold_ids=tuple(dict.fromkeys(row.get("gold_ids") or ())),
        answers=tuple(row.get("answers") or ()),
        answerable=True if answerable is None else answerable,
        lang=_code(row.get("lang") or "") or detect_language(text),
        meta=meta,
        line=line,
    )


def _check_grades(file: Path, line: int, meta: Mapping[str, Any]) -> None:
    grades = meta.get("grades")
    if grades is None:
        return
    if not isinstance(grades, dict):
        raise _wrong(file, line, 'meta.grades must be an object, as in {"lease.pdf#page=3": 3}')
    for key, grade in grades.items():
        if not isinstance(grade, int) or isinstance(grade, bool) or not 0 <= grade <= MAX_GRADE:
            raise _wrong(file, line, f"meta.grades[{key!r}] = {grade!r}: must be a whole number from 0 to {MAX_GRADE}")
