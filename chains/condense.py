"""A follow-up question rewritten so that it can be searched without the conversation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from langchain_core.exceptions import ContextOverflowError
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig

from lastro.chains.facts import facts_of, names_of
from lastro.chains.followup import goes_on, needs_condensing, points_back, words_of
from lastro.chains.history import Conversation, Turn
from lastro.detection import detect_language
from lastro.language import common_words, content_terms, fold, terms
from lastro.llm.chat import ChatLlama
from lastro.llm.engine import Cancel
from lastro.prompts import language_name, load_prompt
from lastro.types import Language

_TURNS_SHOWN = 3
_LONGEST = 600  # characters of an earlier question or answer that are looked at
_LONGEST_REWRITE = 300  # characters
_REWRITE_TOKENS = 96
_NEW_WORDS = 1  # that a rewrite may bring in, in lower case: another form of what was said
_ANSWER_TERMS = 8  # key terms taken from an answer: it may run on
# Said in passing, in a question or a rewrite of it: they neither ask for anything nor bring anything in.
_IN_PASSING = frozenset(
    "pra pro pras pros ta ne ai la ali entao agora tambem ainda outro outra exemplo then also too else instead please "
    "tell say fala diz fale diga about sobre ours mine yours".split()
)

How = Literal["as asked", "rewritten", "key terms"]


@dataclass(frozen=True, slots=True)
class Standalone:
    """A question without its conversation: what is searched, what an answer must be about, and how it came to be."""

    search: str
    question: str
    how: How = "as asked"


def condense(
    conversation: Conversation,
    *,
    llm: BaseChatModel | None,
    language: Language,
    config: RunnableConfig | None = None,
    cancel: Cancel | None = None,
) -> Standalone:
    """The question as it would be asked without the conversation; one that stands alone is returned as it is.

    The model's rewrite is used only where `is_faithful` holds; otherwise, without a model, or where the conversation
    is too long to be shown to it, the question is searched with the key terms of the turns that it follows.
    """
    if not needs_condensing(conversation):
        return Standalone(conversation.question, conversation.question)
    recent = conversation.turns[-_TURNS_SHOWN:]
    spoken = _spoken(conversation.question, recent, language)
    if llm is not None:
        rewritten = _rewrite(llm, _messages(conversation.question, recent, spoken), config, cancel)
        if is_faithful(rewritten, conversation.question, recent, spoken):
            return Standalone(_with_own(rewritten, conversation.question, spoken), rewritten, "rewritten")
    search = with_key_terms(conversation.question, key_terms(conversation, spoken))
    bare = not _key_stems(conversation.question, spoken)  # "Why?" names nothing that an answer could be about
    return Standalone(search, search if bare else conversation.question, "key terms")


def _spoken(question: str, turns: Sequence[Turn], language: Language) -> str:
    """The ISO code of the language that the user writes: a follow-up alone is often too short to tell."""
    found = detect_language("\n".join([*(turn.question for turn in turns), question]))
    return language if found in ("und", "gl") else found


def _messages(question: str, turns: Sequence[Turn], spoken: str) -> list[BaseMessage]:
    prompt = load_prompt("condense", "pt" if spoken == "pt" else "en")
    history = "\n".join(f"- {_cut(turn.question)}\n  {_cut(turn.seen) or '-'}" for turn in turns)
    return prompt.format_messages(history=history, question=question, language=language_name(spoken))


def _cut(text: str) -> str:
    return " ".join(text.split())[:_LONGEST]


def _rewrite(
    llm: BaseChatModel, messages: list[BaseMessage], config: RunnableConfig | None, cancel: Cancel | None
) -> str:
    """What the model writes on its first line, or nothing where the conversation does not fit its context."""
    extra: dict[str, Any] = {}
    if isinstance(llm, ChatLlama):
        extra = {"max_tokens": min(_REWRITE_TOKENS, llm.max_tokens), "stop": ["\n"], "temperature": 0.0}
        if cancel is not None:
            extra["cancel"] = cancel
    try:
        written = str(llm.invoke(messages, config=config, **extra).text)
    except ContextOverflowError:
        return ""
    lines = (line.strip(" \"'“”*-") for line in written.splitlines())
    return next((line for line in lines if line), "")


def is_faithful(rewritten: str, question: str, turns: Sequence[Turn], language: str) -> bool:
    """Whether a rewrite asks what the question asks, of what it pointed to, in words that were said.

    It must be a question of sane length in the user's language that points back no more, keep the question's names,
    numbers and question words and half of its other terms, take up something said before without being an earlier
    question, and hold no name and no number that was not said.
    """
    if not rewritten.endswith("?") or len(rewritten) > max(_LONGEST_REWRITE, 2 * len(question)):
        return False
    known = words_of(language)
    if goes_on(rewritten, known) or points_back(rewritten, known) or _other_language(rewritten, language):
        return False
    said = "\n".join([question, *(f"{_cut(turn.question)}\n{_cut(turn.seen)}" for turn in turns)])
    if not _says_only(rewritten, said, language):
        return False
    own, new = _key_stems(question, language), _key_stems(rewritten, language)
    if not _keeps(own, new, question, language) or new <= own:  # loses what was asked, or takes up nothing
        return False
    return _asks_alike(rewritten, question, language) and all(
        new != _key_stems(turn.question, language) or not _asks_alike(rewritten, turn.question, language)
        for turn in turns
    )


def _says_only(rewritten: str, said: str, language: str) -> bool:
    """Whether every name, number and code of a rewrite was said, and nearly every other term."""
    if not facts_of(rewritten, language).numbers <= facts_of(said, language).numbers:
        return False
    known = {term.stem for term in terms(said, language)}
    found, common = terms(rewritten, language), common_words(language)
    opens = found[:1] if found and fold(found[0].text) in common else []  # "When", "Qual"
    new = [term for term in found[len(opens) :] if term.stem not in known]
    content = [term for term in new if fold(term.text) not in common]
    return len(content) <= _NEW_WORDS and all(term.text.islower() and term.text.isalpha() for term in new)


def _keeps(own: frozenset[str], new: frozenset[str], question: str, language: str) -> bool:
    """Whether a rewrite keeps the names and numbers of a question, and half of its other terms."""
    named = names_of(question, language) | {stem for stem in own if any(map(str.isdigit, stem))}
    return named & own <= new and 2 * len(own & new) >= len(own)


def _other_language(rewritten: str, language: str) -> bool:
    found = detect_language(rewritten)
    return {found, language} == {"en", "pt"}


def _asks_alike(rewritten: str, question: str, language: str) -> bool:
    """Whether a rewrite asks by the question's own question words, where it has any."""
    asking = {fold(word) for word in words_of(language).asking}
    wanted = {fold(term.text) for term in terms(question, "und")} & asking
    return wanted <= {fold(term.text) for term in terms(rewritten, "und")}


def _with_own(rewritten: str, question: str, language: str) -> str:
    """A rewrite with the question's own terms that it says otherwise."""
    kept = _key_stems(rewritten, language)
    return with_key_terms(rewritten, [text for text, stem in _key_terms(question, language) if stem not in kept])


def _key_stems(text: str, language: str) -> frozenset[str]:
    return frozenset(stem for _, stem in _key_terms(text, language))


def _key_terms(text: str, language: str) -> Iterator[tuple[str, str]]:
    """The content terms of a text with their stems, without what only points or is said in passing."""
    known = words_of(language)
    idle = known.pronouns | known.owners | known.demonstratives | known.adding | known.openers | known.asking
    common = common_words(language)
    for term in content_terms(text, language):
        word = term.text.casefold()
        if len(word) > 1 and word not in idle and fold(word) not in _IN_PASSING | common:
            yield term.text, term.stem


def key_terms(conversation: Conversation, language: str) -> list[str]:
    """The terms that a follow-up leaves unsaid: those of the question before it and the first of its answer.

    Where that question was a follow-up itself, those of the turn before it come after, and so on. The names of an
    answer come before its other terms: they are what a pronoun points to.
    """
    found: dict[str, str] = {}
    turns = conversation.turns[-_TURNS_SHOWN:]
    for at in range(len(turns) - 1, -1, -1):
        asked, answered = _cut(turns[at].question), _cut(turns[at].seen)
        for text, stem in (*_key_terms(asked, language), *_of_answer(answered, language)):
            found.setdefault(stem, text)
        if not needs_condensing(Conversation(turns[at].question, turns[:at])):
            break
    own = {term.stem for term in content_terms(conversation.question, language)}
    return [text for stem, text in found.items() if stem not in own]


def _of_answer(answer: str, language: str) -> list[tuple[str, str]]:
    names = names_of(answer, language)
    found: dict[str, str] = {}
    for text, stem in _key_terms(answer, language):
        found.setdefault(stem, text)
    chosen = set(sorted(found, key=lambda stem: stem not in names)[:_ANSWER_TERMS])
    return [(text, stem) for stem, text in found.items() if stem in chosen]


def with_key_terms(question: str, key: Iterable[str]) -> str:
    """A question with terms that it leaves unsaid.

    >>> with_key_terms("And the fine?", ["lease", "Acme"])
    'And the fine? (lease Acme)'
    """
    joined = " ".join(key)
    return f"{question} ({joined})" if joined else question
