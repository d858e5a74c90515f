"""Documents in, answers with checked citations out: the real library, embedder and model, over the samples."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import lastro
from lastro.errors import ContextOverflow
from lastro.events import Checked, Retrieved, Token
from lastro.llm.chat import ChatLlama
from lastro.types import Answer
from lastro.vectorstore.library import Library

ROOT = Path(__file__).resolve().parent.parent
QUESTIONS = json.loads((ROOT / "examples/questions.json").read_text(encoding="utf-8"))
ANSWERABLE = [question for question in QUESTIONS if question["answer"]]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with lastro.open_library(tmp_path_factory.mktemp("end") / "library") as library:
        report = library.add(ROOT / "examples" / "documents")
        assert report.count("ok") == 5
        yield library


@pytest.fixture(scope="module")
def llm() -> ChatLlama:
    return ChatLlama(max_tokens=40, context_window=4096)


def exact(library: Library, answer: Answer) -> bool:
    return all(
        citation.quote == library.text(citation.document_id)[citation.start : citation.end]
        for citation in answer.citations
    )


def test_the_known_answer_is_among_the_first_passages_in_both_languages(samples: Library) -> None:
    missed = []
    for row in ANSWERABLE:
        found = samples.search(row["question"], k=5)
        if not any(row["answer"].casefold() in " ".join(passage.text.split()).casefold() for passage in found):
            missed.append(row["question"])
    assert len(missed) <= 1, missed


@pytest.mark.parametrize("row", [row for row in ANSWERABLE if row["page"]][::4], ids=lambda row: str(row["answer"]))
def test_an_answer_cites_the_page_that_holds_it(samples: Library, llm: ChatLlama, row: dict[str, object]) -> None:
    answer = lastro.answer_chain(samples, llm=llm).invoke({"question": row["question"]})
    assert answer.state in ("answered", "partial")
    assert answer.language == row["lang"]
    assert row["page"] in {citation.page for citation in answer.citations}
    assert exact(samples, answer)


@pytest.mark.parametrize("question", ["Who won the 2018 football World Cup?", "Qual é a capital da Austrália?"])
def test_what_the_samples_do_not_hold_is_refused(samples: Library, llm: ChatLlama, question: str) -> None:
    answer = lastro.answer_chain(samples, llm=llm).invoke(question)
    assert answer.state == "not_found"
    assert answer.citations == ()
    assert answer.passages


def test_eight_people_asking_at_once_get_the_answers_of_one(samples: Library, llm: ChatLlama) -> None:
    settings = lastro.load_settings()
    once = settings.answer.model_copy(update={"retry": False})  # twice as quick, and the same promise
    chain = lastro.answer_chain(samples, llm=llm, settings=settings.model_copy(update={"answer": once}))
    questions = [row["question"] for row in ANSWERABLE[:4]]
    alone = [chain.invoke(question) for question in questions]
    with ThreadPoolExecutor(max_workers=8) as pool:
        together = list(pool.map(chain.invoke, questions * 2))
    told = [(answer.generated, answer.text, answer.citations) for answer in alone]
    assert [(answer.generated, answer.text, answer.citations) for answer in together] == told * 2


def test_a_follow_up_reuses_what_the_model_has_read(samples: Library, llm: ChatLlama) -> None:
    chain = lastro.answer_chain(samples, llm=llm)
    first = chain.invoke("How much is the security deposit?")
    second = chain.invoke(
        {"question": "Which architect made the drawings of the roasting machine?", "history": [first]}
    )
    assert second.usage.cached_tokens >= 0.8 * first.usage.prompt_tokens


def test_tokens_come_before_the_checked_answer(samples: Library, llm: ChatLlama) -> None:
    events = list(lastro.answer_chain(samples, llm=llm).events("Who is the building manager?"))
    assert isinstance(events[0], Retrieved)
    assert any(isinstance(event, Token) for event in events)
    assert isinstance(events[-1], Checked)
    usage = events[-1].answer.usage
    assert usage.prompt_tokens > 0
    assert usage.completion_tokens > 0
    assert usage.seconds_to_first_token is not None


def test_a_question_longer_than_the_context_window_is_one_clear_line(samples: Library, llm: ChatLlama) -> None:
    with pytest.raises(ContextOverflow, match="shorten the question") as error:
        lastro.answer_chain(samples, llm=llm).invoke("why is the rent due " * 1200)
    assert "\n" not in str(error.value)
