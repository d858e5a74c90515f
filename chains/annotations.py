"""An `Answer` as a LangChain message, its citations as standard annotations of the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.messages.content import Annotation, create_citation, create_text_block

from lastro.types import Answer, Citation, Sentence, Usage

_URL = re.compile(r"https?://\S+")


def as_message(answer: Answer) -> AIMessage:
    """The answer as a message of one text block, with an annotation for each backed claim and source.

    `start_index` and `end_index` of an annotation count characters of `answer.text`, `start` and `end` in its
    `extras` those of the document. What was found about every claim stands in `response_metadata["sentences"]`.
    """
    block = create_text_block(answer.text, annotations=list(_annotations(answer)))
    return AIMessage(content_blocks=[block], usage_metadata=_usage(answer.usage), response_metadata=_metadata(answer))


def _annotations(answer: Answer) -> Iterator[Annotation]:
    for sentence in answer.sentences:
        for index in sentence.citations if sentence.backed else ():
            yield _annotation(sentence, answer.citations[index])


def _annotation(sentence: Sentence, citation: Citation) -> Annotation:
    return create_citation(
        url=citation.title if _URL.fullmatch(citation.title) else None,
        title=citation.title,
        start_index=sentence.start,
        end_index=sentence.end,
        cited_text=citation.quote,
        document_id=citation.document_id,
        chunk_id=citation.chunk_id,
        page=citation.page,
        section=citation.section,
        start=citation.start,
        end=citation.end,
        state=sentence.state,
        score=sentence.score,
    )


def _usage(usage: Usage) -> UsageMetadata | None:
    """The tokens as LangChain counts them; None where no model was asked."""
    if not usage.prompt_tokens and not usage.completion_tokens:
        return None
    return UsageMetadata(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        total_tokens=usage.prompt_tokens + usage.completion_tokens,
        input_token_details=InputTokenDetails(cache_read=usage.cached_tokens),
    )


def _metadata(answer: Answer) -> dict[str, Any]:
    return {
        "output_version": "v1",  # the content is standard blocks, which a provider's adapter has to translate
        "state": answer.state,
        "confidence": answer.confidence,
        "language": answer.language,
        "policy": answer.policy,
        "sentences": [
            {"start": one.start, "end": one.end, "state": one.state, "score": one.score} for one in answer.sentences
        ],
    }
