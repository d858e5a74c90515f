"""Whether what a claim says of somebody is said of them: names, and the two sides of a contract or a dispute."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lastro.chains.checking.breaks import Break
from lastro.chains.checking.matching import Cover, Matched, used_stretch
from lastro.chains.checking.wording import PARTIES
from lastro.language import fold, is_stop_word


def names_in(text: str, language: str, around: str) -> list[str]:
    """Capitalised words and codes of a text, those that open a sentence only where `around` has them so inside one."""
    found = []
    for match in re.finditer(r"[^\W_][\w&'’]*(?:-[\w]+)*", text):
        word = match.group()
        if not (word[0].isupper() or (any(map(str.isalpha, word)) and any(map(str.isdigit, word)))):
            continue
        if len(word) < 2 or is_stop_word(word, language) or word[0].isdigit():
            continue
        opens = not text[: match.start()].strip() or re.search(r"[.!?:;]\s+[\"“(]*$", text[: match.start()])
        inside = re.search(rf"[\w,]\s+{re.escape(word)}\b", around) and word.casefold() not in around
        if not opens or inside or (len(word) > 1 and word.isupper()):
            number = re.match(r" \d+\b(?![.,/:]\d|\s?[%€£$°])", text[match.end() :])
            named = number is not None and f"{word}{number.group()}" in around
            found.append(word + number.group() if number is not None and named else word)
    return found


def name_breaks(cover: Cover) -> Iterator[Break]:
    """Names of the claim that its best sentence does not speak of."""
    everything = " ".join(_headed(m) + ". " + m.source.text for m in (*cover.sentences, *cover.others))
    mine = names_in(cover.statement.text, cover.statement.language, everything)
    if not mine:
        return
    near = fold(_near(cover.primary, mine))
    for name in mine:
        plain = fold(name).removesuffix("'s").removesuffix("’s")
        if plain in _MONTHS_AND_DAYS or _known(plain, near) or _soft_name(name, cover.primary, cover):
            continue
        if any(plain in words for pair in PARTIES for words in pair):
            continue  # roles have their own rule
        if _known(plain, fold(everything)):
            yield Break("name", f'the passage does not say this of "{name}"')
        else:
            yield Break("name", f'"{name}" is not in the passage', contradicts=False)


def _headed(matched: Matched) -> str:
    return f"{matched.source.passage.title} {matched.source.passage.section}"


_MONTHS_AND_DAYS = frozenset(
    "january february march april may june july august september october november december monday tuesday wednesday "
    "thursday friday saturday sunday mondays tuesdays wednesdays thursdays fridays saturdays sundays".split()
)


def _known(name: str, text: str) -> bool:
    root = name[: max(4, len(name) - 2)] if len(name) > 5 and name.isalpha() else name
    tail = r"" if root != name else r"\b"
    return re.search(rf"\b{re.escape(root)}{tail}", text) is not None


def _soft_name(name: str, matched: Matched, cover: Cover) -> bool:
    """Whether the sentence has the name in its own language ("Lisbon", "Lisboa")."""
    return any(word.text == name and 0.5 <= matched.credits[at] < 1 for at, word in enumerate(cover.statement.words))


def _near(matched: Matched, mine: Sequence[str]) -> str:
    """What a sentence speaks of: the stretch of it that is used, the title, and, unless it names another that the
    claim does not, the sentences before it and the others of the cover."""  # noqa: D205, D209
    passage = matched.source.passage
    stretch, headed = _used_stretch(matched), _headed(matched)
    known = {fold(name) for name in mine}
    rivals = [
        name
        for name in names_in(stretch, passage.language, passage.text)
        if not any(fold(name) in other or other in fold(name) for other in known) and fold(name) not in _MONTHS_AND_DAYS
    ]
    if rivals:
        return f"{headed} {stretch}"
    return " ".join([headed, matched.source.text, passage.text[: matched.source.start]])


def _used_stretch(matched: Matched) -> str:
    start, end = used_stretch(matched)
    return matched.source.text[start:end]


def role_breaks(cover: Cover) -> Iterator[Break]:
    """The two sides of a contract or dispute where the claim has the other one, or both in the other's place."""
    claim = re.findall(r"[\w']+", cover.statement.folded)
    source = re.findall(r"[\w']+", " ; ".join(matched.reading.folded for matched in cover.sentences))
    voices = _turned(cover.statement.folded), _turned(" ".join(m.reading.folded for m in cover.sentences))
    same_voice = voices[0] == voices[1]
    for pair in PARTIES:
        mine, theirs = _order(claim, pair), _order(source, pair)
        if not mine or not theirs:
            continue
        if len(set(mine)) == 1 and mine[0] not in theirs:
            yield Break("role", f'the claim speaks of the {_word(claim, pair[mine[0]])}, the passage of the '
                                f'{_word(source, pair[theirs[0]])}')  # fmt: skip
        elif mine == theirs[::-1] and set(mine) == {0, 1} and len(mine) == 2 and same_voice:
            first, second = _word(claim, pair[mine[0]]), _word(claim, pair[mine[1]])
            yield Break("role", f"{first} and {second} have changed places")


def _order(found: list[str], pair: tuple[frozenset[str], frozenset[str]]) -> list[int]:
    order = [0 if word in pair[0] else 1 for word in (w.removesuffix("'s") for w in found) if word in pair[0] | pair[1]]
    return [side for at, side in enumerate(order) if at == 0 or side != order[at - 1]]


def _word(found: list[str], side: frozenset[str]) -> str:
    return next((word for word in found if word.removesuffix("'s") in side), "")


def _turned(folded: str) -> bool:
    return re.search(r"\b(?:by|pelo|pela|pelos|pelas)\b", folded) is not None
