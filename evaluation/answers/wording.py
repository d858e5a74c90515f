"""Whether an answer says what a gold answer says: the measures of SQuAD, for English and Portuguese.

Texts are compared as the script of Rajpurkar et al. (EMNLP 2016) compares them: lower case, punctuation deleted,
articles left out, split at spaces. Ours also deletes punctuation beyond ASCII, leaves out the articles of Portuguese
where the question is Portuguese, and keeps a text whole that is nothing but articles. Accents stay.
"""

from __future__ import annotations

import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence

Words = tuple[str, ...]
_ARTICLES = {"en": frozenset(["a", "an", "the"]), "pt": frozenset("o a os as um uma uns umas".split())}
_YES_OR_NO = frozenset(["yes", "no", "sim", "não"])
LONG = 8  # words from which a gold answer is a sentence, which nobody says again word for word
ENOUGH = 0.5  # F1 from which an answer says what a long gold answer says


def words(text: str, lang: str) -> Words:
    """The words of a text that are compared.

    >>> words("The lease ends on 31 May, 2027.", "en"), words("A multa é de R$ 1.234,56", "pt")
    (('lease', 'ends', 'on', '31', 'may', '2027'), ('multa', 'é', 'de', 'r', '123456'))
    """
    plain = "".join(char for char in unicodedata.normalize("NFC", text).lower() if not _is_punctuation(char))
    found = plain.split()
    articles = _ARTICLES.get(lang, frozenset[str]())
    return tuple([word for word in found if word not in articles] or found)


def _is_punctuation(char: str) -> bool:
    return char in string.punctuation or unicodedata.category(char).startswith("P")


def exact(text: str, golds: Sequence[str], lang: str) -> float:
    """1 where the text is one of the gold answers, else 0.

    >>> exact("The 31 May 2027.", ["31 May 2027"], "en"), exact("em 31 de maio", ["31 de maio"], "pt")
    (1.0, 0.0)
    """
    return _best(lambda said, gold: float(said == gold), text, golds, lang)


def f1(text: str, golds: Sequence[str], lang: str) -> float:
    """The best harmonic mean of precision and recall of words, each counted as often as it stands, over the golds.

    >>> f1("It ends on 31 May 2027", ["31 May 2027"], "en"), f1("none", ["31 May 2027"], "en")
    (0.6666666666666666, 0.0)
    """
    return _best(_overlap, text, golds, lang)


def _overlap(said: Words, gold: Words) -> float:
    shared = (Counter(said) & Counter(gold)).total()
    return 2 * shared / (len(said) + len(gold)) if shared else 0.0


def contains(text: str, golds: Sequence[str], lang: str) -> float:
    """1 where the words of a gold answer stand in the text one behind the other, else 0.

    "Yes" and "no" must be the first word: they stand in many a sentence that does not say so.

    >>> contains("It is 15 metres [sic].", ["15 metres"], "en"), contains("It is 15 metres.", ["5 metres"], "en")
    (1.0, 0.0)
    >>> contains("Não, é de 2%.", ["Não"], "pt"), contains("A multa não é de 2%.", ["Não"], "pt")
    (1.0, 0.0)
    """
    return _best(_within, text, golds, lang)


def _within(said: Words, gold: Words) -> float:
    if len(gold) == 1 and gold[0] in _YES_OR_NO:
        return float(said[:1] == gold)
    return float(any(said[at : at + len(gold)] == gold for at in range(len(said) - len(gold) + 1)))


def is_right(text: str, golds: Sequence[str], lang: str) -> bool:
    """Whether a text counts as a right answer: it contains a gold answer, or shares enough of a long one.

    >>> is_right("It ends on 31 May 2027.", ["31 May 2027"], "en"), is_right("On 30 May 2027.", ["31 May 2027"], "en")
    (True, False)
    """
    if contains(text, golds, lang):
        return True
    long = [gold for gold in golds if len(words(gold, lang)) >= LONG]
    return f1(text, long, lang) >= ENOUGH


def _best(score: Callable[[Words, Words], float], text: str, golds: Sequence[str], lang: str) -> float:
    """The best score over the golds that hold a word; 0 where there are none."""
    said = words(text, lang)
    wanted = [gold for one in golds if (gold := words(one, lang))]
    return max((score(said, gold) for gold in wanted), default=0.0)
