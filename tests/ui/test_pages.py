"""The pages as a person works them, with a scripted model, hashed embeddings and a real library."""

import threading

import pytest
import streamlit as st

import lastro
from lastro.config import load_settings
from lastro.events import Checked, ClaimChecked, Retried, Retrieved, Token
from lastro.types import Upload
from lastro.ui import state
from lastro.ui.conversations import new_id
from lastro.ui.texts import load_texts
from tests.fakes import HashEmbeddings, ScriptedChat
from tests.ui import samples
from tests.ui.paging import DRAFT, LEASE, QUESTION, SOON, ask, finish, page, shown


class GatedChat(ScriptedChat):
    """Says half of its text, then waits until it is let on or cancelled."""

    gate: threading.Event
    half: threading.Event

    model_config = {"arbitrary_types_allowed": True}  # noqa: RUF012 - pydantic's own form

    def _stream(self, messages, stop=None, run_manager=None, **kwargs):
        for at, chunk in enumerate(super()._stream(messages, stop, run_manager, **kwargs)):
            yield chunk
            if at == 3:
                self.half.set()
                self.gate.wait(SOON)


@pytest.mark.parametrize("language", ["en", "pt"])
def test_an_empty_library_says_what_to_do(parts, language):
    texts, app = load_texts(language), page(language)
    assert not app.exception
    assert texts("chat.empty_title") in shown(app)
    assert app.chat_input(key="question").disabled
    assert texts("chat.empty_link") in [link.proto.label for link in app.get("page_link")]


@pytest.mark.parametrize("language", ["en", "pt"])
def test_an_answer_shows_its_state_its_marks_and_its_source(stocked, language):
    texts, app = load_texts(language), page(language)
    ask(app, stocked)
    page_text = shown(app)
    assert texts("answer.partial") in page_text
    assert texts("claim.unsupported") in page_text
    assert "monthly rent of the mill is 900 dollars" in page_text
    assert texts.count("answer.sources", 1) in [expander.label for expander in app.expander]
    assert texts("details.title") in [expander.label for expander in app.expander]


def test_a_source_opens_with_its_quote_highlighted(stocked):
    app = page()
    ask(app, stocked)
    app.button(key="cite-0-1").click().run()
    assert not app.exception
    assert "The monthly rent of the mill is 900 dollars</mark>." in shown(app)


def test_a_conversation_is_there_again_after_a_reload(stocked):
    app = page()
    ask(app, stocked)
    key = app.session_state["conversation"]
    again = page(c=key)
    assert QUESTION in shown(again)
    assert load_texts("en")("answer.partial") in shown(again)
    assert page(c=new_id()).info[0].value == load_texts("en")("chat.gone")


def test_conversations_are_opened_begun_and_deleted_from_the_sidebar(stocked):
    app = page()
    ask(app, stocked)
    key = app.session_state["conversation"]
    app.button(key="new-conversation").click().run()
    assert app.session_state["conversation"] == ""
    app.button(key=f"open-{key}").click().run()
    assert app.session_state["conversation"] == key
    app.button(key=f"delete-{key}").click().run()
    app.button(key="delete-yes").click().run()
    assert stocked.conversations.load(key) is None
    assert not app.exception


def test_the_wishes_of_one_request_reach_the_chain_and_change_no_setting(stocked, monkeypatch):
    seen, before = [], stocked.settings.model_dump()
    answer = stocked._answer
    monkeypatch.setattr(
        stocked, "_answer", lambda request, wishes, cancel: seen.append(wishes) or answer(request, wishes, cancel)
    )
    app = page()
    app.slider(key="temperature").set_value(0.7)
    app.slider(key="k").set_value(2)
    app.button_group(key="answer_language").set_value("pt").run()
    app.radio(key="policy").set_value("strict").run()
    ask(app, stocked)
    assert seen == [state.Overrides(temperature=0.7, k=2, language="pt", policy="strict")]
    assert stocked.settings.model_dump() == before


def test_strict_removes_what_mark_marks(stocked):
    app = page()
    app.radio(key="policy").set_value("strict").run()
    ask(app, stocked)
    (text,) = [
        html.proto.body for html in app.get("html") if html.proto.body.startswith('<div class="lastro-answer" l')
    ]
    assert "900 dollars" in text
    assert "green cheese" not in text
    assert load_texts("en").count("answer.removed", 1) in [one.label for one in app.expander]
    app.radio(key="policy").set_value("off").run()
    ask(app, stocked)
    assert load_texts("en")("answer.unchecked") in shown(app)


def test_a_job_that_ends_while_the_page_is_drawn_is_not_called_interrupted(stocked, monkeypatch):
    app, find = page(), stocked.jobs.answer

    def ended(conversation_id):
        job = find(conversation_id)
        assert job is None or job.wait(SOON)
        return find(conversation_id)

    monkeypatch.setattr(stocked.jobs, "answer", ended)
    app.chat_input(key="question").set_value(QUESTION).run()
    assert load_texts("en")("answer.interrupted") not in shown(app)
    assert load_texts("en")("answer.partial") in shown(app)


def test_the_page_does_not_wait_for_a_library_that_is_being_made(parts):
    with parts._lock:
        app = page()
    assert not app.exception
    assert load_texts("en")("chat.empty_title") in shown(app)


def test_the_page_changes_its_language_and_keeps_it_in_the_address(stocked):
    app = page()
    app.button_group(key="language_choice").set_value("pt").run()
    assert load_texts("pt").count("chat.ready", 1) in shown(app)
    assert app.query_params["lang"] in ("pt", ["pt"])


class TestWhileAnAnswerIsWritten:
    @pytest.fixture
    def model(self):
        script = "The monthly rent of the mill is 900 dollars."
        return GatedChat(script=script, gate=threading.Event(), half=threading.Event())

    def test_another_page_and_a_reload_find_it_again(self, stocked, model):
        app = page()
        app.chat_input(key="question").set_value(QUESTION).run()
        assert model.half.wait(SOON)
        key = app.session_state["conversation"]
        app.switch_page("views/documents.py").run()
        again = page(c=key)
        assert DRAFT in shown(again)
        assert again.chat_input(key="question").disabled
        model.gate.set()
        finish(again, stocked)
        assert load_texts("en")("answer.answered") in shown(again)

    def test_stop_ends_it_and_what_was_written_is_checked(self, stocked, model):
        app = page()
        app.chat_input(key="question").set_value(QUESTION).run()
        assert model.half.wait(SOON)
        app.run()
        app.button(key="stop").click().run()
        model.gate.set()
        finish(app, stocked)
        assert load_texts("en")("answer.stopped") in shown(app)
        assert not app.chat_input(key="question").disabled


@pytest.mark.parametrize("language", ["en", "pt"])
def test_a_draft_shows_what_is_checked_and_a_second_try_begins_it_anew(stocked, monkeypatch, language):
    texts = load_texts(language)
    gates = [threading.Event() for _ in range(4)]
    reached = [threading.Event() for _ in range(4)]

    def events(_request, _wishes, _cancel):
        steps = [
            [
                Retrieved(QUESTION, ()),
                Token("It ends on 31 May 2028 [1]. And "),
                ClaimChecked("It ends on 31 May 2028.", "contradicted", 0.1),
            ],
            [Retried(())],
            [Token("It ends on 31 May 2027."), ClaimChecked("It ends on 31 May 2027.", "verbatim", 1.0)],
            [Checked(samples.ANSWERED)],
        ]
        for step, gate, at in zip(steps, gates, reached, strict=True):
            yield from step
            at.set()
            gate.wait(SOON)

    monkeypatch.setattr(stocked, "_answer", events)
    app = page(language)
    app.chat_input(key="question").set_value(QUESTION).run()
    job = stocked.jobs.answer(app.session_state["conversation"])
    seen = []
    for gate, at in zip(gates, reached, strict=True):
        assert at.wait(SOON)
        seen.append(shown(app.run()))
        gate.set()
    assert job.wait(SOON)
    assert 'class="lastro-contradicted">It ends on 31 May 2028.</span>' in seen[0]
    assert texts("claim.contradicted") in seen[0]
    assert texts("stage.again") not in seen[0]
    assert texts("stage.again") in seen[1]
    assert DRAFT not in seen[1]
    assert 'class="lastro-checked">It ends on 31 May 2027.</span>' in seen[2]
    assert "2028" not in seen[2]
    assert texts("answer.answered") in shown(app.run())


@pytest.mark.parametrize("language", ["en", "pt"])
def test_documents_are_added_listed_opened_and_removed(parts, language):
    texts, app = load_texts(language), page(language)
    app.switch_page("views/documents.py").run()
    assert texts("documents.empty_title") in shown(app)
    app.file_uploader(key="files").upload("lease.md", LEASE, "text/markdown")
    app.file_uploader(key="files").upload("broken.pdf", b"%PDF-1.7 broken", "application/pdf")
    next(button for button in app.button if button.label == texts("documents.add")).click().run()
    (job,) = parts.jobs.batches()
    assert job.wait(SOON)
    app.run()
    assert not app.exception
    assert texts.count("documents.list", 1) in shown(app)
    assert texts("state.failed") in shown(app)
    record = parts.library().documents()[0]
    app.button(key=f"open-{record.id}").click().run()
    assert "The monthly rent of the mill is 900 dollars." in shown(app)
    app.switch_page("views/documents.py").run()
    app.button(key=f"remove-{record.id}").click().run()
    app.checkbox(key="remove-purge").check()
    app.button(key="remove-yes").click().run()
    assert not app.exception
    assert [toast.value for toast in app.toast] == [texts("documents.purged")]
    library = parts.library()
    assert library.documents() == []
    files = [file for file in library.path.rglob("*") if file.is_file()]
    assert not [file for file in files if b"rent of the mill" in file.read_bytes()]


def test_nothing_chosen_is_said(parts):
    app = page()
    app.switch_page("views/documents.py").run()
    next(button for button in app.button if button.label == load_texts("en")("documents.add")).click().run()
    assert app.warning[0].value == load_texts("en")("documents.nothing")


def test_a_removed_document_still_shows_its_quotation(stocked):
    app = page()
    ask(app, stocked)
    stocked.library().remove("lease.md")
    app.button(key="cite-0-1").click().run()
    assert not app.exception
    assert "no longer in the library" in shown(app)


class TestWithoutAModel:
    @pytest.fixture
    def model(self):
        return None

    @pytest.fixture
    def parts(self, monkeypatch):
        st.cache_resource.clear()
        settings = load_settings(llm={"model": "no-such-model"})
        embedder = HashEmbeddings()
        made = state.Services(
            settings,
            open_library=lambda create: lastro.open_library(
                "default", create=create, settings=settings, embedder=embedder
            ),
            chat_model=lambda: lastro.chat_model(settings),
        )
        monkeypatch.setattr(state, "build_services", lambda: made)
        assert made.loading.wait(SOON)
        yield made
        st.cache_resource.clear()

    def test_the_page_says_so_and_offers_to_try_again(self, parts):
        app = page()
        assert "no-such-model" in app.error[0].value.replace("\\", "")
        app.button(key="retry").click().run()
        assert not app.exception

    def test_a_question_ends_with_the_reason(self, stocked):
        app = page()
        ask(app, stocked)
        assert "no-such-model" in shown(app).replace("\\", "")
        assert app.button(key="again-0").label == load_texts("en")("do.again")


def test_a_setting_that_cannot_be_read_is_one_line(monkeypatch):
    st.cache_resource.clear()
    monkeypatch.setenv("LASTRO_LLM__TEMPERATURE", "hot")
    app = page()
    assert "llm" in app.error[0].value
    assert not app.exception
    st.cache_resource.clear()


def test_uploads_of_one_name_in_one_batch_stay_apart():
    from lastro.ui.uploads import distinct

    names = [upload.name for upload in distinct([Upload("a.pdf", b"1"), Upload("a.pdf", b"2"), Upload("b", b"3")])]
    assert names == ["a.pdf", "a (2).pdf", "b"]
