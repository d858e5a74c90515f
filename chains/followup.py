"""Whether a question leans on the conversation before it: it points back, goes on, or leaves out what it is about."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from lastro.chains.history import Conversation, Turn
from lastro.detection import detect_language
from lastro.language import Term, common_words, content_terms, fold, stem, terms


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a language by which a follow-up is known, as they are written: "está" is not "esta"."""

    pronouns: frozenset[str]  # mean something said before, here or in an earlier turn
    owners: frozenset[str]  # possessives: they are content with less before them
    demonstratives: frozenset[str]
    relative: frozenset[str]  # after a demonstrative: "those of", "aquela que" say themselves what they mean
    adding: frozenset[str]  # go on from something, unless the question names its own
    openers: frozenset[str]  # of a whole question
    leading: frozenset[str]  # prepositions: open a fragment where no question word follows
    verbs: frozenset[str]  # open a question whose subject was left out
    asking: frozenset[str]
    common: frozenset[str] = frozenset()  # folded words without content


_LISTS = tuple(field.name for field in dataclasses.fields(Words) if field.name != "common")


def _words(**lists: str) -> Words:
    empty = dict.fromkeys(_LISTS, "")
    return Words(**{name: frozenset(text.split()) for name, text in (empty | lists).items()})


WORDS = {
    "en": _words(
        pronouns="it they them he she him theirs hers itself themselves",
        owners="its their his her",
        demonstratives="this that these those",
        relative="of who that which with from in whose whom where",
        adding="also too still else instead another other same again then anymore either",
        openers="and but so or then",
        leading="for in at on with without by after before because from to within under during if since",
        asking="what when where who whom whose which why how",
    ),
    "pt": _words(
        pronouns="ele ela eles elas dele dela deles delas nele nela neles nelas isso isto aquilo disso disto daquilo "
        "nisso nisto naquilo lá",
        owners="seu sua seus suas",
        demonstratives="esse essa esses essas este estes estas aquele aquela aqueles aquelas desse dessa desses dessas "
        "deste desta destes destas daquele daquela daqueles daquelas nesse nessa nesses nessas neste nesta nestes "
        "nestas naquele naquela naqueles naquelas àquele àquela",
        relative="que de da do dos das com em na no cujo cuja",
        adding="também tambem ainda outro outra outros outras mesmo mesma exemplo então",
        openers="e mas ou então entao aí",
        leading="para pra no na nos nas em com sem por pelo pela após depois antes desde durante se de do da",
        verbs="dá deu dão pode podem posso tem têm teve precisa precisam vale foi foram é era são está estava serve "
        "funciona custa demora existe há deve devem cabe vai vão",
        asking="qual quais quando onde quem que quê quanto quanta quantos quantas como porque cadê",
    ),
    "es": _words(
        pronouns="él ella ellos ellas eso esto aquello allí",
        owners="su sus",
        demonstratives="ese esa esos esas este esta estos estas",
        relative="que de del en con",
        adding="también otro otra mismo misma todavía",
        openers="y e pero o entonces",
        asking="qué cuál cuáles cuándo dónde quién quiénes cuánto cuánta cuántos cuántas cómo",
    ),
    "fr": _words(
        pronouns="il elle ils elles lui cela ça celui-ci celle-ci",
        owners="son sa ses leur leurs",
        demonstratives="ce cet cette ces",
        relative="qui que de dont où",
        adding="aussi autre autres même encore",
        openers="et mais ou alors",
        asking="que quoi quel quelle quels quelles quand où qui pourquoi comment combien",
    ),
    "de": _words(
        pronouns="er sie ihm ihn ihnen dort",
        owners="sein seine seiner seinen ihr ihre ihrer ihren",
        demonstratives="dieser diese dieses diesem diesen",
        adding="auch andere anderer anderes noch",
        openers="und aber oder dann",
        asking="was wann wo wer wen wem welche welcher welches warum wie wieviel",
    ),
    "it": _words(
        pronouns="lui loro essa esso ciò",
        owners="suo sua suoi sue",
        demonstratives="questo questa questi queste quello quella",
        relative="che di del della",
        adding="anche altro altra stesso stessa ancora",
        openers="e ma o allora",
        asking="che cosa quale quali quando dove chi perché come quanto quanta quanti quante",
    ),
}
_BARE = re.compile(r"^\W*(?:(?:what|how) about|e quanto a)\b", re.IGNORECASE)
_DEFINES = re.compile(
    r"^\W*(?:o que (?:é|são|significa)|quem (?:é|foi|são|foram)|what (?:is|are)|who (?:is|was|are|were))\b"
)
_DEFINITE = re.compile(r"\bthe\b")
_CLITICS = frozenset("lo la los las no na nos nas lhe lhes o a os as".split())  # behind a hyphen: "vendê-lo"
_EXPLETIVE = re.compile(r"\bit(?:\W+\w+){0,2}\W+(?:to|that|when|if|for)\b(?=(?:\W+\w+){2})")
_SUBJECTLESS = frozenset({"so", "such", "it", "now", "all", "one", "given"})  # before a "that" that joins clauses
_FEW, _SOME = 1, 4  # content words: too few to search by; so few that a hint is enough


@lru_cache(maxsize=256)
def words_of(*languages: str) -> Words:
    """The follow-up words of languages together; those of English and Portuguese where none of them has any.

    The common words of English and Portuguese are always among them: short questions are taken for one another's.
    """
    chosen = [WORDS[language] for language in languages if language in WORDS] or [WORDS["en"], WORDS["pt"]]
    lists = {name: frozenset[str]().union(*(getattr(words, name) for words in chosen)) for name in _LISTS}
    return Words(**lists, common=frozenset[str]().union(*map(common_words, {*languages, "en", "pt"})))


def needs_condensing(conversation: Conversation) -> bool:
    """Whether the question leans on earlier turns; a first question never does."""
    if not conversation.turns:
        return False
    question, last = conversation.question, conversation.turns[-1]
    # A follow-up is often too short to tell its language, and mostly in that of the question before it.
    known = words_of(detect_language(question), detect_language(last.question))
    return goes_on(question, known) or points_back(question, known) or leaves_out(question, known, last)


def goes_on(question: str, known: Words) -> bool:
    """Whether a question opens as if it went on: "And the fine?", "What about pets?"."""
    found = re.findall(r"\w+", question.casefold())
    return bool(found) and (found[0] in known.openers or _BARE.match(question) is not None)


def points_back(question: str, known: Words) -> bool:
    """Whether a word of the question means something that the question itself does not say before it.

    >>> [points_back(question, words_of("en")) for question in ("When did it end?", "If Acme sells, who buys it?")]
    [True, False]
    """
    text = _EXPLETIVE.sub(" ", question)
    found = terms(text, "und")
    before = 0  # content words so far; a name counts for all that can be needed
    for at, term in enumerate(found):
        word = term.text.casefold()
        clitic = word in _CLITICS and text[: term.start].endswith("-")
        demonstrates = word in known.demonstratives and _demonstrates(found, at, known)
        if before < (2 if word in known.owners else 3) and (
            clitic or demonstrates or word in known.pronouns or word in known.owners
        ):
            return True
        if fold(word) not in known.common:
            before += 3 if at > 0 and term.text[0].isupper() else 1
    return False


def _demonstrates(found: Sequence[Term], at: int, known: Words) -> bool:
    """Whether "that" or the like points back, and neither joins two clauses nor says itself what it means."""
    if at + 1 == len(found):
        return True
    if found[at + 1].text.casefold() in known.relative and at > 0:
        return False
    if found[at].text.casefold() != "that":
        return True
    previous = found[at - 1].text.casefold() if at else ""
    return at == 0 or (previous in known.common and previous not in _SUBJECTLESS)


def leaves_out(question: str, known: Words, last: Turn) -> bool:
    """Whether a question says too little to be searched by, or goes on with what the last turn spoke of."""
    found = terms(question, "und")
    idle = known.asking | known.adding
    content = [term for term in found if fold(term.text) not in known.common and term.text.casefold() not in idle]
    named = any(term.text[0].isupper() or any(map(str.isdigit, term.text)) for term in found[1:])
    folded = question.casefold()
    if _DEFINES.match(folded) and content and not _DEFINITE.search(folded):
        return False
    asks = any(term.text.casefold() in known.asking for term in found)
    if len(content) <= _FEW:
        return not named or (not asks and question.rstrip().endswith("?"))
    if named or len(content) > _SOME:
        return False
    first = found[0].text.casefold()
    hinted = any(term.text.casefold() in known.adding for term in found)
    return hinted or first in known.verbs or (first in known.leading and not asks) or _shares(content, last)


def _shares(content: Sequence[Term], last: Turn) -> bool:
    """Whether a question without a name takes up a word of the last turn."""
    text = f"{last.question}\n{last.seen}"
    language = detect_language(text)
    said = {term.stem for term in content_terms(text, language)}
    return any(stem(term.text, language) in said for term in content)
