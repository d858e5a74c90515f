"""The commands in this process: real libraries and files; the embedder and the model are fakes, for speed."""

import functools
import io
import json
import signal

import pytest

import lastro
from lastro import cli
from tests.fakes import HashEmbeddings, ScriptedChat

DEED = "The harbour pilot is Ana Prado. She starts on 2 May 2025.\n\nThe fee is 300 euros a year.\n"


@pytest.fixture
def chat(monkeypatch):
    """The model that answers; a test may change its script."""
    model = ScriptedChat(script="The harbour pilot is Ana Prado.")
    opened = functools.partial(lastro.open_library, embedder=HashEmbeddings())
    answering = functools.partial(lastro.answer_chain, llm=model)
    monkeypatch.setattr(lastro, "open_library", opened)
    monkeypatch.setattr(lastro, "answer_chain", answering)
    return model


@pytest.fixture
def deed(tmp_path, chat, capsys):
    """A file that the default library holds."""
    path = tmp_path / "deed.txt"
    path.write_text(DEED, encoding="utf-8")
    assert cli.run(["add", str(path)]) == 0
    capsys.readouterr()
    return path


def test_adding_reports_on_stdout_and_its_files_on_stderr(tmp_path, chat, capsys):
    path = tmp_path / "deed.txt"
    path.write_text(DEED, encoding="utf-8")
    assert cli.run(["add", str(path)]) == 0
    first = capsys.readouterr()
    assert first.out.startswith("1 added in ")
    assert first.err == f"ok         {path}  (1 passage)\n"
    assert cli.run(["add", str(path)]) == 0
    assert capsys.readouterr().out.startswith("0 added, 1 unchanged in ")


def test_a_hostile_file_name_cannot_steer_the_terminal(tmp_path, chat, capsys):
    path = tmp_path / "[red]\x1b[2Jdeed.txt"
    path.write_text(DEED, encoding="utf-8")
    assert cli.run(["add", str(path)]) == 0
    assert cli.run(["list"]) == 0
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err
    assert "[red]" in captured.out


def test_libraries_are_apart(deed, capsys):
    assert cli.run(["list", "--library", "law"]) == 3
    assert "law" in capsys.readouterr().err
    assert cli.run(["add", str(deed), "-l", "law"]) == 0
    assert cli.run(["remove", str(deed), "-l", "law"]) == 0
    capsys.readouterr()
    assert cli.run(["list", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 1


@pytest.mark.parametrize("command", [["search", "pilot"], ["ask", "Who?"], ["chat"]])
def test_an_empty_library_says_what_to_do(deed, capsys, command):
    assert cli.run(["remove", str(deed)]) == 0
    capsys.readouterr()
    assert cli.run(command) == 3
    assert "add some: lastro add PATH" in capsys.readouterr().err


def test_listing_an_empty_library_is_no_error(deed, capsys):
    assert cli.run(["remove", str(deed)]) == 0
    capsys.readouterr()
    assert cli.run(["list"]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "lastro add PATH" in captured.err
    assert cli.run(["list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_search_shows_place_scores_and_text(deed, capsys):
    assert cli.run(["search", "harbour pilot", "-k", "1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("1. deed")
    assert "cosine" in out
    assert "Ana Prado" in out


def test_a_search_says_what_its_scores_are(deed, capsys):
    assert cli.run(["search", "harbour pilot"]) == 0
    legend = capsys.readouterr().err
    assert legend.startswith("score gives the order; cosine is nearness of meaning")
    assert legend.count("\n") == 1
    assert cli.run(["search", "harbour pilot", "--json"]) == 0
    assert capsys.readouterr().err == ""


def test_while_the_model_reads_this_is_said(deed, capsys):
    assert cli.run(["ask", "Who is the harbour pilot?"]) == 0
    assert capsys.readouterr().err.startswith("reading 1 passage...\ndraft, not yet checked:\n")


def test_what_is_said_while_it_reads_is_in_the_language_of_the_question(deed, capsys):
    assert cli.run(["ask", "Quem é o prático do porto?"]) == 0
    assert capsys.readouterr().err.startswith("lendo 1 trecho...\n")


def test_a_missing_model_is_refused_before_the_embedder_is_loaded(deed, capsys, monkeypatch):
    opened = lastro.open_library

    def untouched(*args, **kwargs):
        library = opened(*args, **kwargs)
        monkeypatch.setattr(type(library), "search", lambda *_args, **_kwargs: pytest.fail("it searched"))
        return library

    monkeypatch.setattr(lastro, "open_library", untouched)
    assert cli.run(["ask", "Who is the harbour pilot?", "--model", "nowhere.gguf"]) == 3
    captured = capsys.readouterr()
    assert "nowhere.gguf" in captured.err
    assert captured.err.count("\n") == 1


def test_the_draft_streams_to_stderr_and_the_checked_answer_to_stdout(deed, capsys):
    assert cli.run(["ask", "Who is the harbour pilot?"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("The harbour pilot is Ana Prado")
    assert "[1]" in captured.out
    assert "draft, not yet checked:\nThe harbour pilot is Ana Prado." in captured.err
    assert "draft" not in captured.out


def test_a_json_answer_writes_no_draft(deed, capsys):
    assert cli.run(["ask", "Who is the harbour pilot?", "--json"]) == 0
    captured = capsys.readouterr()
    answer = json.loads(captured.out)
    assert answer["state"] == "answered"
    assert answer["citations"][0]["quote"] in DEED
    assert captured.err == ""


def test_what_the_documents_do_not_hold_is_told_and_is_no_error(deed, chat, capsys):
    chat.script = "The capital of Australia is Canberra."
    assert cli.run(["ask", "What is the capital of Australia?", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["state"] == "not_found"
    assert "Canberra" not in answer["text"]


def test_the_language_of_the_answer_can_be_set(deed, capsys):
    assert cli.run(["ask", "Who is the harbour pilot?", "--language", "pt", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["language"] == "pt"


def test_a_chat_remembers_and_survives_a_refused_question(deed, chat, capsys, monkeypatch):
    too_long = "Who is the harbour pilot? " * 2000
    asked = f"Who is the harbour pilot?\n{too_long}\nWhat is the fee of the harbour pilot?\n\nnever asked\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(asked))
    assert cli.run(["chat"]) == 0
    captured = capsys.readouterr()
    assert captured.out.count("The harbour pilot is Ana Prado") >= 2
    assert captured.err.count("lastro: ") == 1
    history = "\n".join(message.text for message in chat.seen[-1])
    assert "Who is the harbour pilot?" in history
    assert "never asked" not in history


def interrupting(messages):
    """A model during which the user presses Ctrl-C."""
    signal.raise_signal(signal.SIGINT)
    return "never"


def test_ctrl_c_ends_an_ask_with_130(deed, chat, capsys):
    chat.script = interrupting
    assert cli.run(["ask", "Who is the harbour pilot?"]) == 130
    assert capsys.readouterr().out == ""


def test_ctrl_c_stops_one_answer_of_a_chat(deed, chat, capsys, monkeypatch):
    replies = iter([interrupting, lambda _messages: "The harbour pilot is Ana Prado."])
    chat.script = lambda messages: next(replies)(messages)
    monkeypatch.setattr("sys.stdin", io.StringIO("Who is the harbour pilot?\nWho is the harbour pilot?\n"))
    assert cli.run(["chat"]) == 0
    captured = capsys.readouterr()
    assert "stopped" in captured.err
    assert "The harbour pilot is Ana Prado" in captured.out


def test_ctrl_c_during_an_add_keeps_the_documents_so_far(tmp_path, chat, capsys, monkeypatch):
    for number in range(3):
        (tmp_path / f"deed-{number}.txt").write_text(f"{DEED} Deed {number}.", encoding="utf-8")
    done = []

    def interrupt_once(result):
        done.append(result.source)
        if len(done) == 1:
            signal.raise_signal(signal.SIGINT)
        return result.source

    monkeypatch.setattr("lastro.progress.describe", interrupt_once)
    assert cli.run(["add", str(tmp_path)]) == 130
    capsys.readouterr()
    assert cli.run(["list", "--json"]) == 0
    assert [record["title"] for record in json.loads(capsys.readouterr().out)] == ["deed-0"]


def test_an_unknown_model_of_the_catalogue_cannot_be_pulled(capsys):
    assert cli.run(["models", "pull", "nonsense"]) == 3
    assert "smollm2-135m" in capsys.readouterr().err


def test_a_pull_prints_where_the_model_lies(capsys, monkeypatch, tmp_path):
    def pull(name, *, on_progress):
        on_progress(50, 100)
        on_progress(100, 100)
        return tmp_path / name

    monkeypatch.setattr("lastro.llm.models.pull", pull)
    assert cli.run(["models", "pull", "llama-3.2-3b"]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{tmp_path / 'llama-3.2-3b'}\n"
    assert "llama-3.2-3b: 100 %" in captured.err


def test_the_catalogue_is_shown_with_what_fits(capsys):
    assert cli.run(["models"]) == 0
    out = capsys.readouterr().out
    assert "llama-3.1-8b" in out
    assert "multilingual-e5-small" in out
