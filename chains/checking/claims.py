"""An answer taken apart into claims: what can be true or false by itself, or together with the question."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lastro.chains.checking.reading import folded_text
from lastro.language import content_terms, fold, is_stop_word, terms
from lastro.sentences import sentences

_CELL = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r"^[\s|:=+*_-]+$")
_BULLET = re.compile(r"^\s*(?:[-*•–+]|\d{1,3}[.)]|[a-z]\))\s+")
_HEADING = re.compile(r"^\s*#{1,6}\s|^\s*\*\*[^*]+\*\*:?\s*$")
# A coordinated clause has its own verb: one of these, or a subject, follows.
_OPENERS = (
    r"(?:is|are|was|were|has|have|had|can|cannot|may|must|shall|should|will|would|did|does|do|takes?|needs?|lasts?|"
    r"costs?|it|he|she|they|we|there|found|lost|got|"
    r"é|foi|foram|sao|esta|tem|teve|deve|devem|pode|podem|vai|recebe|recebem|cobre|custa|dura|nao|nem|ela|ele|elas|"
    r"eles|sera|serao|fica|ficam)"
)
_COORDINATE = re.compile(
    rf";\s+|,\s+(?:and|but|while|whereas|though|although|yet|e|mas|enquanto|ao passo que|porem|ja|"
    rf"embora)\s+(?!not\b|nao\b)|"
    rf"\s+(?:and|but|mas)\s+(?={_OPENERS}\b)|\s+e\s+(?=(?:foi|foram|sao|tem|teve|deve|pode|vai|recebe|custa|"
    rf"sera|nao)\b)"
)
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
    """A claim of an answer: characters `start` to `end`; `asks` says that it means something only with the question."""

    text: str
    start: int
    end: int
    states: bool  # False: it claims nothing
    elliptic: bool = False


def split_claims(text: str, language: str) -> list[Claim]:
    """The claims of an answer in order: sentences, list items, cells of tables.

    >>> [claim.text for claim in split_claims("Hello! The fee is 2.5% (art. 5). It rose.", "en") if claim.states]
    ['The fee is 2.5% (art. 5).', 'It rose.']
    """
    found = []
    for start, end in _pieces(text):
        piece = text[start:end]
        states = states_something(piece, language)
        found.append(Claim(piece, start, end, states, states and needs_question(piece, language)))
    return found


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    for start, end in sentences(text):
        piece = text[start:end]
        if _RULE.match(piece):
            continue
        if piece.lstrip().startswith("|") or len(_CELL.findall(piece)) >= 2:
            yield from _cells(text, start, end)
            continue
        bullet = _BULLET.match(piece)
        yield (start + bullet.end() if bullet and piece[bullet.end() :].strip() else start), end


def _cells(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    at = start
    for match in [*_CELL.finditer(text, start, end), None]:
        stop = match.start() if match else end
        cell = text[at:stop]
        if cell.strip() and not _RULE.match(cell):
            yield at + len(cell) - len(cell.lstrip()), at + len(cell.rstrip())
        at = match.end() if match else end


def states_something(text: str, language: str) -> bool:
    """Whether a text can be true or false; a greeting, a question, a heading or a transition cannot.

    >>> states_something("Sure, here is what I found:", "en"), states_something("Não.", "pt")
    (False, True)
    """
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


def coordinated(text: str, language: str) -> list[tuple[int, int]]:
    """Spans of the clauses of a sentence that have their own facts.

    >>> text = "It weighs 96 grams, and it takes three hours to charge."
    >>> [text[a:b] for a, b in coordinated(text, "en")]
    ['It weighs 96 grams', 'it takes three hours to charge.']
    """
    folded = folded_text(text)
    found: list[tuple[int, int]] = []
    start = 0
    for match in _COORDINATE.finditer(folded):
        if _content(text[start : match.start()], language) < 2 or _content(text[match.end() :], language) < 2:
            continue
        found.append((start, match.start()))
        start = match.end()
    return [*found, (start, len(text))]


def _content(text: str, language: str) -> int:
    return sum(not is_stop_word(term.text, language) for term in terms(text, language))
