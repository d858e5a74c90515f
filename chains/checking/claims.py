"""An answer taken apart into claims: what can be true or false by itself, or together with the question."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lastro.chains.checking.clauses import Clause, clauses
from lastro.chains.declining import declines
from lastro.language import content_terms, fold, terms
from lastro.sentences import sentences

_CODE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)  # claims nothing
_CELL = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r"^[\s|:=+*_-]+$")
_BULLET = re.compile(r"^\s*(?:[-*•–+]|\d{1,3}[.)]|[a-z]\))\s+")
_HEADING = re.compile(r"^\s*#{1,6}\s|^\s*\*\*[^*]+\*\*:?\s*$")
_GREETING = re.compile(
    r"^(?:hello|hi|hey|dear|sure|certainly|of course|great|thanks?|thank you|you'?re welcome|i hope|"
    r"i'm glad|let me know|"
    r"here(?:'s| is| are)|based on|in summary|to summari[sz]e|in conclusion|note that|ola|oi|bom dia|boa tarde|claro|"
    r"com certeza|obrigad[oa]|espero|segue|seguem|aqui esta|em resumo|resumindo|em conclusao|com base)\b"
)
_YES_NO = re.compile(r"^\W*(?P<word>yes|no|nope|yeah|sim|nao|correct|exactly|exato)\b(?=\s*(?:[,.;:!–—-]|$))")
_PRONOUN_START = re.compile(
    r"^\W*(?:it|they|he|she|this|that|these|those|there|é|e|sao|foi|foram|ele|ela|eles|elas|isso|esse|essa|nesse|tem)\b"
)
_HAS_VERB = re.compile(
    r"\b(?:is|are|was|were|has|have|had|can|cannot|may|must|shall|should|will|would|did|does|do|be|been|\w{3,}ed|"
    r"e|foi|foram|sao|esta|estao|tem|teve|deve|devem|pode|podem|vai|vao|sera|serao|fica|ficam|ser|"
    r"\w{2,}(?:ou|aram|eram|"
    r"iram|ava|avam|era|ira|am|em))\b"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim of an answer: characters `start` to `end`; `elliptic` where only the question gives it a meaning.

    `said` is what has to be true for it: its text, with the subject of the clause before where it leaves it unsaid, or
    with the heads of its row and its column where it is a `cell` of a table.
    """

    text: str
    start: int
    end: int
    states: bool  # False: it claims nothing
    elliptic: bool = False
    said: str = ""
    cell: bool = False


def split_claims(text: str, language: str) -> list[Claim]:
    """The claims of an answer in order: sentences, their clauses with facts of their own, list items, cells of tables.

    Blocks of code are left out; the heads of a table claim nothing by themselves.

    >>> [claim.text for claim in split_claims("Hello! The fee is 2.5% (art. 5). It rose.", "en") if claim.states]
    ['The fee is 2.5% (art. 5).', 'It rose.']
    """
    found, head = list[Claim](), list[str]()
    pieces = _pieces(_CODE.sub(lambda block: "\n" * len(block.group()), text))
    for at, (start, end) in enumerate(pieces):
        piece = text[start:end]
        if _is_row(piece):
            opens = at + 1 < len(pieces) and _RULE.match(text[slice(*pieces[at + 1])]) is not None
            row = _cells(text, start, end)
            found += _of_row(text, row, head, language, opens=opens)
            head = [text[slice(*cell)] for cell in row] if opens else head
            continue
        if _RULE.match(piece):
            continue
        head = []
        if not _may_state(piece, language):
            found.append(Claim(piece, start, end, states=False, said=piece))
            continue
        whole = needs_question(piece, language)
        for clause in [Clause(0, len(piece), piece)] if whole else clauses(piece, language):
            first, last = start + clause.start, start + clause.end
            states = not declines(text[first:last])
            found.append(Claim(text[first:last], first, last, states, whole and states, clause.said))
    return found


def _pieces(text: str) -> list[tuple[int, int]]:
    """Sentences, list items without their bullets, rows of tables and the rules below their heads."""
    found = []
    for start, end in sentences(text):
        bullet = None if _is_row(text[start:end]) else _BULLET.match(text[start:end])
        inside = bullet is not None and bool(text[start + bullet.end() : end].strip())
        found.append((start + bullet.end() if bullet is not None and inside else start, end))
    return found


def _is_row(piece: str) -> bool:
    rule = _RULE.match(piece) is not None
    return not rule and (piece.lstrip().startswith("|") or len(_CELL.findall(piece)) >= 2)


def _cells(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The cells of a row in order, without the space around them; an empty one between two bars is one, too."""
    edges = [start - 1, *(match.start() for match in _CELL.finditer(text, start, end)), end]
    found = []
    for left, right in itertools.pairwise(edges):
        cell = text[left + 1 : right]
        outside = not cell.strip() and (left < start or right == end)
        if not outside:
            first = left + 1 + len(cell) - len(cell.lstrip())
            found.append((first, max(first, left + 1 + len(cell.rstrip()))))
    return found


def _of_row(
    text: str, row: Sequence[tuple[int, int]], head: Sequence[str], language: str, *, opens: bool
) -> Iterator[Claim]:
    """The claims of a row. A short first cell is its head, and says nothing by itself; a sentence says what it says."""
    first = text[slice(*row[0])] if len(row) > 1 else ""
    label = first if needs_question(first, language) else ""
    for column, (start, end) in enumerate(row):
        cell = text[start:end]
        if not cell:
            continue
        states = not opens and (column > 0 or not label) and states_something(cell, language)
        short = states and needs_question(cell, language)
        said = _said(label, head[column] if column < len(head) else "", cell) if short else cell
        yield Claim(cell, start, end, states, short and said == cell, said, cell=True)


def _said(label: str, head: str, cell: str) -> str:
    """What a cell says; the capital of a column's head is no name's ("Garage: price 60 euros")."""
    column = head[:1].lower() + head[1:] if head[1:2].islower() else head
    return ": ".join(part for part in (label, f"{column} {cell}".strip()) if part)


def states_something(text: str, language: str) -> bool:
    """Whether a text can be true or false; a greeting, a question, a heading, a transition or "I don't know" cannot.

    >>> states_something("Sure, here is what I found:", "en"), states_something("Não.", "pt")
    (False, True)
    """
    return _may_state(text, language) and not declines(text)


def _may_state(text: str, language: str) -> bool:
    folded = fold(text).strip()
    if _YES_NO.match(folded):
        return True
    bare = folded.rstrip("\"'”’)]»*_ ")
    if not terms(text, language) or bare.endswith("?") or _HEADING.match(text):
        return False
    content = content_terms(text, language)
    if not content:
        return False
    if bare.endswith(":"):
        return any(char.isdigit() for char in text)
    if not _GREETING.match(folded):
        return True
    return len(content) > 4 and not folded.startswith(("i hope", "let me know", "espero", "segue", "here", "aqui"))


def needs_question(text: str, language: str) -> bool:
    """Whether a claim is a fragment that only its question completes.

    >>> [needs_question(text, "en") for text in ("No.", "It is 30 days.", "The notice period is thirty days.")]
    [True, True, False]
    """
    folded = fold(text).strip()
    content = content_terms(text, language)
    if _YES_NO.match(folded) or len(content) <= 1:
        return True
    if _PRONOUN_START.match(folded):
        return len(content) <= 6
    return len(content) <= 8 and not _HAS_VERB.search(folded)


def says_no(text: str) -> bool | None:
    """Whether a claim begins with a no (True) or a yes (False); None where with neither, nor is it "nothing"."""
    match = _YES_NO.match(fold(text).strip())
    return None if match is None else match["word"] in ("no", "nope", "nao")


def without_yes_no(text: str) -> str:
    """What a claim says after its yes or no."""
    match = _YES_NO.match(fold(text))
    return text[match.end() :].lstrip(" ,.;:!–—-") if match else text
