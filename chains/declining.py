"""Whether a model says that it has no answer: a closed set of sentences in Portuguese and English."""

from __future__ import annotations

import re

from lastro.language import fold
from lastro.prompts import LANGUAGES, refusal

_SOURCES = r"(?:the |these |your |my |given |provided )*(?:sources?|documents?|passages?|texts?|context|information)"
_FONTES = r"(?:as |os |seus |estas |estes |nas |nos )*(?:fontes?|documentos?|trechos?|textos?|contexto|informacoes)"
_DECLINES = re.compile(
    r"^\W*(?:(?:unfortunately|sorry|i am sorry|i'm sorry|infelizmente|desculpe|lamento),?\W*(?:but |mas )?)?(?:"
    r"(?:i|we) (?:do not|don't|cannot|can't|can not|could not|couldn't|did not|didn't|am not able to|am unable to)"
    r" (?:know|find|found|answer|tell|determine|have (?:enough |any |that |this )*information)\b.*|"
    rf"{_SOURCES} (?:given |provided |above )*(?:do not|does not|don't|doesn't|did not|didn't)"
    r" (?:say|mention|state|specify|contain|provide|hold|include|give|tell|answer|have)\b.*|"
    r"there is no (?:information|mention|answer)\b.*|"
    r"no (?:information|answer|mention)\b.* (?:given|found|provided|available)\b.*|"
    rf"(?:it|this|that|the answer) (?:is|was) not (?:mentioned|stated|specified|found|given|provided) in {_SOURCES}.*|"
    r"(?:eu )?nao (?:sei|encontrei|consegui encontrar|posso responder|consigo responder|tenho (?:essa )?informac)\b.*|"
    rf"{_FONTES}(?: fornecid[ao]s)? nao (?:dizem?|mencionam?|informam?|trazem|traz|contem|especificam?|respondem)\b.*|"
    r"nao ha (?:informac\w+|mencao|resposta)\b.*|nao e possivel (?:responder|determinar|saber|informar)\b.*|"
    rf"(?:isso |isto |a resposta )?nao (?:consta|esta|foi encontrad[ao]) (?:em|n[ao]s?) {_FONTES}.*"
    r")$"
)


def declines(text: str) -> bool:
    """Whether a sentence says that there is no answer.

    >>> [declines(said) for said in ("I don't know.", "As fontes não dizem isso.", "The tenant does not know it.")]
    [True, True, False]
    """
    said = " ".join(fold(text).replace("’", "'").split())
    return any(fold(refusal(language)).rstrip(". ") in said for language in LANGUAGES) or bool(_DECLINES.match(said))
