"""The clauses of a sentence that state facts of their own, and the subject that a clause takes from the one before."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lastro.chains.checking.reading import folded_text
from lastro.language import is_stop_word, terms

_LEAST = 2  # content words that a clause must have
_SUBJECT = 8  # words that a subject may have
_BE = {
    "en": r"is|are|was|were|has|have|had|can|cannot|may|must|shall|should|will|would|did|does|do|won't|isn't|"
    r"aren't|doesn't|don't|didn't|can't|mustn't|wasn't|weren't",
    "pt": r"é|foi|foram|sao|esta|estao|era|eram|tem|teve|tinha|deve|devem|pode|podem|podera|poderao|vai|vao|"
    r"sera|serao|fica|ficam|ficou|ha|houve",
}
# A finite verb, as far as its form tells: an auxiliary, a past form, or a present form before an object.
_VERB = {
    "en": rf"(?:{_BE['en']}|\w{{3,}}ed|\w{{3,}}s(?=\s(?:a|an|the|its|his|her|their|no|only)\b|\s\d)|"
    r"pays?|needs?|takes?|gets?|gives?|makes?|covers?|includes?|provides?|requires?|receives?|keeps?|remains?|"
    r"applies|apply|found|lost|got|left|took|made|gave|won|began|became|rose|fell|paid|held|kept|went|came|said|"
    r"put|cost|costs|takes|lasts)",
    "pt": rf"(?:{_BE['pt']}|\w{{2,}}(?:ou|aram|eram|iram|ava|avam|iu|eu)|"
    r"\w{3,}(?:a|e|am|em)(?=\s(?:o|a|os|as|um|uma|ate)\b|\s(?:\d|r\$))|"
    r"custa|custam|dura|duram|recebe|recebem|cobre|cobrem|paga|pagam|inclui|incluem|vale|valem|nao\s\w+|se\s\w+)",
}
_JOINT = {
    "en": r";\s+|,?\s+(?:and|but|while|whereas|though|although|yet)\s+",
    "pt": r";\s+|,\s+ja\s+|,?\s+(?:e|mas|enquanto|ao passo que|porem|embora)\s+",
}
# Behind a conjunction, these go on with the same clause.
_GOES_ON = {
    "en": r"(?:not|nor|or|to|a half)\b",
    "pt": r"(?:nem|ou|ate)\b(?! agora)|nao\s+(?:[ao]s?|d[aeo]s?|em|n[ao]s?|aos?|por|pel[ao]s?|com|so|apenas|menos)\b",
}
_ADVERBS = {
    "en": r"(?:(?:also|then|still|only|later|now|often|usually)\s+)?",
    "pt": r"(?:(?:tambem|depois|ainda|so|ja)\s+)?",
}


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause at characters `start` to `end`; `said` is its text, with the subject that it leaves unsaid."""

    start: int
    end: int
    said: str


def clauses(text: str, language: str) -> list[Clause]:
    """The clauses of a sentence that have their own facts, in order; the sentence whole where it is but one.

    >>> [clause.said for clause in clauses("The tower was built in 1920, and was restored in 1990.", "en")]
    ['The tower was built in 1920', 'The tower was restored in 1990.']
    """
    if language not in _JOINT:
        return [Clause(0, len(text), text)]
    folded = folded_text(text)
    found: list[Clause] = []
    start, subject = 0, ""
    for match in re.finditer(_JOINT[language], folded):
        own = start if match.group()[0] in ",;" else max(start, folded.rfind(", ", start, match.start()))
        if not _stands_alone(text[own : match.start()], folded[own : match.start()], language):
            continue
        if not _stands_alone(text[match.end() :], folded[match.end() :], language) or not _opens(
            folded[match.end() :], language
        ):
            continue
        found.append(_clause(text, start, match.start(), subject, language))
        subject = _subject(text[start : match.start()], folded[start : match.start()], language) or subject
        start = match.end()
    return [*found, _clause(text, start, len(text), subject, language)]


def _clause(text: str, start: int, end: int, subject: str, language: str) -> Clause:
    own = text[start:end]
    lacks = subject and re.match(_ADVERBS[language] + _VERB[language] + r"\b", folded_text(own))
    return Clause(start, end, f"{subject} {own}" if lacks else own)


def _stands_alone(text: str, folded: str, language: str) -> bool:
    """Whether a stretch has a verb and enough to say."""
    content = sum(not is_stop_word(term.text, language) for term in terms(text, language))
    return content >= _LEAST and re.search(rf"\b{_VERB[language]}\b", folded) is not None


def _opens(folded: str, language: str) -> bool:
    """Whether a clause of its own begins here: its verb follows at once or after a short subject."""
    if re.match(_GOES_ON[language], folded):
        return False
    head = re.split(r"[,;]", folded)[0]
    return re.match(rf"(?:[^\s]+\s+){{0,{_SUBJECT - 1}}}?{_VERB[language]}\b", head) is not None


def _subject(text: str, folded: str, language: str) -> str:
    """What stands before the first verb, where it is short enough to be a subject."""
    verb = re.search(rf"\b{_VERB[language]}\b", folded)
    if verb is None:
        return ""
    subject = re.split(r",\s(?:which|who|whose|that|que|cuj[oa]|onde|where)\b", text[: verb.start()])[0].strip()
    return subject if subject and len(subject.split()) <= _SUBJECT and "," not in subject else ""
