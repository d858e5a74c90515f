"""Questions and their answers as statements, by rule: "Qual é a capital do Acre?" and "Rio Branco" as one sentence.

Only forms of question whose statement can be put together without a parser are turned; of the others nothing is made,
and their answers are checked as fragments, together with the question.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence made of a question and an answer; `negated` says the contrary, "" where no rule knows how."""

    text: str
    negated: str = ""


_WHOLE = 8  # words from which an answer can be a statement by itself
_LOWERED = re.compile(r"^(?:The|An?|In|On|At|By|From|Em|N[oa]s?|O|Os|As?|Um|Uma|Para|Por|Com|De|D[oa]s?|Porque)\b(?= )")
_Rule = tuple[re.Pattern[str], Callable[[re.Match[str], str], "Statement | None"]]


def statement(question: str, answer: str, language: str) -> Statement | None:
    """The statement that a question and its answer make; None where no rule knows the form.

    >>> statement("Qual é a capital do Acre?", "Rio Branco", "pt").text
    'A capital do Acre é Rio Branco.'
    >>> statement("Who was the 4th to rule the Yuan dynasty?", "Buyantu Khan", "en").text
    'The 4th to rule the Yuan dynasty was Buyantu Khan.'
    """
    asked = " ".join(question.split()).rstrip("?. ")
    said = " ".join(answer.split()).rstrip(".,;: ")
    if len(said.split()) >= _WHOLE and _says_again(said, asked):
        return Statement(_sentence(said))
    said = _LOWERED.sub(lambda found: found.group().lower(), said)
    for pattern, build in _RULES.get(language, ()):
        match = pattern.match(asked)
        made = None if match is None else build(match, said)
        if made is not None:
            return Statement(_sentence(made.text), _sentence(made.negated) if made.negated else "")
    return None


def _says_again(answer: str, question: str) -> bool:
    """Whether an answer holds half of the question's longer words: it is a statement already."""
    asked = {word.casefold()[:6] for word in re.findall(r"\w{4,}", question)}
    return 2 * len(asked & {word.casefold()[:6] for word in re.findall(r"\w{4,}", answer)}) >= len(asked) > 0


def _sentence(text: str) -> str:
    plain = " ".join(text.split())
    return plain[:1].upper() + plain[1:] + "."


# English ------------------------------------------------------------------------------------------------------------

_BE = "is|are|was|were"
_NOUN_PHRASE = re.compile(
    r"^(?:the|a|an|one|two|three|four|some|his|her|its|their|our|this|that|these|those|[\w-]+['’]s?)\b|^[A-Z]"
)
_NAMED = re.compile(r"^(?P<subject>.+?) (?P<verb>called|named|known as|known for|referred to as|titled)$")
_OWN_SUBJECT = re.compile(r"(?:his|her|its|their|he|she|it|they|there|this|that|these|those|you|people|not|an?)\b")
_OPEN_END = re.compile(r" (?:in|on|at|by|from|to|of|for|with|as|into|after|above|called|named|known as)$")
_NAMED_WITHIN = re.compile(r"\b(?:called|named|known as|known for|referred to as) ")
_PARTICIPLE = re.compile(
    r"^(?P<subject>(?:the |an? |his |her |its |their )?.+?) "
    r"(?P<rest>(?:[a-z]+ed|born|built|made|held|found|written|given|taken|known|seen|led|sent|put|set|won|lost|kept|"
    r"sold|spent|begun|fought|written|broken|chosen|drawn|driven|grown|shown|thrown|torn|worn|left|brought|caught|taught|bought)"
    r"(?: .*)?)$"
)
_PREPOSITION = re.compile(
    r"^(?:in|on|at|by|from|to|of|for|with|until|since|before|after|between|during|around|about|through|over|under|"
    r"as|because|due|near|within|throughout|into|among|across|outside|inside|not|every|when|where|while)\b",
    re.IGNORECASE,
)  # fmt: skip


def _en_be(match: re.Match[str], answer: str) -> Statement | None:
    """Who or what is X: X is the answer, or the answer is X."""
    be, rest = match["be"], match["rest"]
    named = _NAMED.match(rest)
    if named is None and _NAMED_WITHIN.search(rest):
        return None
    if named:
        tail = f"{named['verb']} {answer}"
        return Statement(f"{named['subject']} {be} {tail}", f"{named['subject']} {be} not {tail}")
    if _NOUN_PHRASE.match(rest) and not _OPEN_END.search(rest):
        return Statement(f"{rest} {be} {answer}", f"{rest} {be} not {answer}")
    return None


def _en_subject(match: re.Match[str], answer: str) -> Statement | None:
    """Who did X: the answer did X."""
    if re.search(rf"\b(?:did|does|do|{_BE})\b", match["rest"]):
        return None
    return Statement(f"{answer} {match['rest']}")


def _en_such(match: re.Match[str], answer: str) -> Statement | None:
    """Which church is X: the answer is X, where X is no subject of its own."""
    be, rest = match["be"], match["rest"]
    if not re.match(r"[a-z]", rest) or _OWN_SUBJECT.match(rest) or _OPEN_END.search(rest):
        return None
    return Statement(f"{answer} {be} {rest}", f"{answer} {be} not {rest}")


def _en_place(match: re.Match[str], answer: str) -> Statement | None:
    """When or where was X done: X was done then or there."""
    rest = _PARTICIPLE.match(match["rest"])
    if rest is None:
        return None
    tail = f"{rest['rest']} {_with('in', answer)}"
    be = match["be"]
    return Statement(f"{rest['subject']} {be} {tail}", f"{rest['subject']} {be} not {tail}")


def _en_place_did(match: re.Match[str], answer: str) -> Statement | None:
    return Statement(f"{match['rest']} {_with('in', answer)}")


def _en_object(match: re.Match[str], answer: str) -> Statement | None:
    """What did X do: X do the answer; the verb keeps the form it has in the question."""
    if re.search(r"\bdo\b", match["rest"]):
        return None
    return Statement(f"{match['rest']} {answer}")


def _en_many(match: re.Match[str], answer: str) -> Statement | None:
    noun = match["noun"]
    counted = answer if noun.casefold() in answer.casefold() else f"{answer} {noun}"
    return Statement(f"{counted} {match['be']} {match['rest']}", f"{counted} {match['be']} not {match['rest']}")


def _en_many_did(match: re.Match[str], answer: str) -> Statement | None:
    noun = match["noun"]
    counted = answer if noun.casefold() in answer.casefold() else f"{answer} {noun}"
    return Statement(f"{match['rest']} {counted}")


def _en_last(match: re.Match[str], answer: str) -> Statement | None:
    return Statement(f"{match['rest']} {answer}")


def _with(preposition: str, answer: str) -> str:
    return answer if _PREPOSITION.match(answer) else f"{preposition} {answer}"


_VERB_FIRST = (
    r"(?!(?:do|does|did|is|are|was|were|has|have|had|can|could|will|would|shall|should|may|might|must|else|all|"
    r"two|three|the|an?|other|type|kind|sort|year|name)\b)(?:[a-z]+ed|[a-z]+s|wrote|led|won|made|held|gave|took|built|began|"
    r"came|became|ran|saw|spoke|sold|lost|brought|wrote|drew|fought)\b"
)
_EN: tuple[_Rule, ...] = (
    (re.compile(rf"^(?:who|what) (?P<be>{_BE}) (?P<rest>.+)$", re.I), _en_be),
    (re.compile(rf"^(?:when|where|(?:in )?(?:what|which) (?:year|country|city|month|century|decade|state)) "
                rf"(?P<be>{_BE}) (?P<rest>.+)$", re.I), _en_place),
    (re.compile(r"^(?:when|where|(?:in )?(?:what|which) (?:year|country|city|month|century|decade|state)) "
                r"(?:did|does|do) (?P<rest>.+)$", re.I), _en_place_did),
    (re.compile(rf"^how many (?P<noun>[\w' -]+?) (?P<be>{_BE}) (?!there\b)(?P<rest>.+)$", re.I), _en_many),
    (re.compile(r"^how many (?P<noun>[\w' -]+?) (?:did|does|do) (?P<rest>.+)$", re.I), _en_many_did),
    (re.compile(r"^(?:what|who) (?:did|does|do) (?P<rest>.+)$", re.I), _en_object),
    (re.compile(rf"^(?i:who|what) (?P<rest>{_VERB_FIRST}.*)$"), _en_subject),
    (re.compile(rf"^(?:what|which) (?!(?:type|kind|sort)s? )(?P<noun>[\w' -]+?) (?P<be>{_BE}) (?P<rest>.+)$", re.I),
     _en_such),
    (re.compile(r"^(?P<rest>.{12,}) (?:what|whom|which)$", re.I), _en_last),
)  # fmt: skip

# Portuguese: the order of words stays as it is in the question ------------------------------------------------------

_SER = "é|são|foi|foram|era|eram|será|serão|seria|seriam"
_PT_NOUN_PHRASE = re.compile(r"^(?:o|a|os|as|um|uma|uns|umas|seu|sua|seus|suas|este|esta|esse|essa)\b|^[A-ZÁÉÍÓÚÂÊÔ]")
_PT_PREPOSITION = re.compile(
    r"^(?:em|n[oa]s?|n?um(?:as?)?|de|d[oa]s?|por|pel[oa]s?|para|a|ao|aos|à|às|com|sem|até|desde|entre|durante|antes|"
    r"depois|após|quando|onde|porque|pois|já|como|através|sobre|sob|há|cerca|não|devido|logo)\b",
    re.IGNORECASE,
)  # fmt: skip
_PT_NAMED = re.compile(r"^(?P<subject>.+) (?P<verb>conhecid[oa]s? (?:como|por)|chamad[oa]s?|considerad[oa]s?)$")
_PT_ADJECTIVE = re.compile(r"^\w+(?:vel|veis|[aiu]d[oa]s?|ári[oa]s?|nte|ntes|[íi]vo|vist[oa]s?|feit[oa]s?)\b")
_PT_NO_VERB = re.compile(r"^(?:mais|menos|o|a|os|as|um|uma|el[ea]s?|seus?|suas?|não|se|já|também)\b|^[A-Z0-9]")
_PT_VERB = re.compile(
    r"^(?:é|são|foi|foram|era|eram|tem|têm|tinha|pode|podem|deve|devem|está|estão|vai|"
    r"\w{2,}(?:ou|eu|iu|aram|eram|iram|ava|avam|ia|iam))\b"
)


def _pt_be(match: re.Match[str], answer: str) -> Statement | None:
    named = _PT_NAMED.match(match["rest"])
    if named and match["ser"]:
        said = f"{match['ser']} {named['verb']} {answer}"
        return Statement(f"{named['subject']} {said}", f"{named['subject']} não {said}")
    rest, verb = match["rest"], match["ser"] or ("são" if match["how"].lower() == "quais" else "é")
    if not _PT_NOUN_PHRASE.match(rest) and not match["ser"]:
        return None
    if not _PT_NOUN_PHRASE.match(rest) and (match["how"].lower() == "quem" or _PT_ADJECTIVE.match(rest)):
        return Statement(f"{answer} {verb} {rest}", f"{answer} não {verb} {rest}")
    return Statement(f"{rest} {verb} {answer}", f"{rest} não {verb} {answer}")


def _pt_subject(match: re.Match[str], answer: str) -> Statement | None:
    rest, who = match["rest"], "how" in match.re.groupindex
    if _PT_NO_VERB.match(rest) or not (who or _PT_VERB.match(rest)):
        return None
    return Statement(f"{answer} {rest}", f"{answer} não {rest}")


def _pt_behind(match: re.Match[str], answer: str) -> Statement | None:
    """When, where, why, how, to whom: the rest, then the answer with the preposition that was asked with."""
    rest, how = match["rest"].lstrip(", "), match["how"].lower()
    if how == "como" and not _PT_PREPOSITION.match(answer):
        return None
    first = next((word for start, word in _PT_PREPOSITIONS if how.startswith(start)), "")
    tail = answer if not first or _PT_PREPOSITION.match(answer) else f"{first} {answer}"
    negated = f"não {rest} {tail}" if _PT_VERB.match(rest) else ""
    return Statement(f"{rest} {tail}", negated)


_PT_PREPOSITIONS = (
    ("em ", "em"), ("quando", "em"), ("onde", "em"), ("de quem", "de"), ("a quem", "a"), ("por quem", "por"),
    ("para quem", "para"), ("com quem", "com"), ("por que", "porque"), ("desde", "desde"), ("até", "até"),
    ("ao que", "a"), ("do que", "de"), ("pelo que", "por"), ("com o que", "com"),
)  # fmt: skip


def _pt_many(match: re.Match[str], answer: str) -> Statement | None:
    noun = match["noun"]
    if len(answer.split()) > 5:
        return None
    counted = answer if noun.casefold() in answer.casefold() else f"{answer} {noun}"
    return Statement(f"{counted} {match['rest']}", f"{counted} não {match['rest']}")


def _pt_what(match: re.Match[str], answer: str) -> Statement | None:
    rest = match["rest"]
    if _PT_NOUN_PHRASE.match(rest):
        return Statement(f"{rest} {answer}")
    if _PT_VERB.match(rest):
        return Statement(f"{answer} {rest}", f"{answer} não {rest}")
    return None


_PT: tuple[_Rule, ...] = (
    (re.compile(rf"^(?P<how>qual|quais|o que|quem) (?:(?P<ser>{_SER}) )(?P<rest>.+)$", re.I), _pt_be),
    (re.compile(r"^(?P<how>qual|quais)(?P<ser>) (?P<rest>(?:o|a|os|as|um|uma) .+)$", re.I), _pt_be),
    (re.compile(r"^(?P<how>quem) (?P<rest>.+)$", re.I), _pt_subject),
    (re.compile(r"^(?P<how>desde quando|até quando|quando|onde|em que (?:ano|cidade|país|data|mês|século|dia)|"
                r"de quem|a quem|por quem|para quem|com quem|por que|porque|ao que|do que|pelo que|como|"
                r"para que|com o que|em que(?= (?:[oa]s? |(?-i:[A-ZÁÉÍÓÚ]))))\b"
                r"(?P<rest>,? (?!tipo|grupo|nome|d[oae]s? ).+)$", re.I), _pt_behind),
    (re.compile(r"^quant[oa]s (?P<noun>[\w-]+) (?P<rest>.+)$", re.I), _pt_many),
    (re.compile(r"^o que (?P<rest>.+)$", re.I), _pt_what),
    (re.compile(r"^que [\w-]+ (?P<rest>.+)$", re.I), _pt_subject),
    (re.compile(r"^(?P<rest>.{12,}) (?:(?:o )?qu[eê]|qual|quem)$", re.I), _en_last),
)  # fmt: skip
_RULES: dict[str, tuple[_Rule, ...]] = {"en": _EN, "pt": _PT}
