"""What the command does before any library is opened."""

import json
import os
import resource
import signal
import socket
import subprocess
import sys

import pytest

from lastro import cli, session
from lastro.arguments import globals_first
from lastro.offline import go_offline
from lastro.progress import cancel_on_interrupt
from lastro.serve import check_free

HEAVY = ("torch", "chromadb", "streamlit", "llama_cpp", "langchain_core", "sentence_transformers", "kreuzberg", "numpy")


@pytest.mark.parametrize("arguments", [["--help"], ["ask", "--help"], ["models", "--help"], ["--version"]])
def test_help_imports_nothing_heavy_and_is_instant(arguments):
    program = f"""
import sys
from lastro.cli import run
code = run({arguments!r})
heavy = [name for name in {HEAVY!r} if name in sys.modules]
sys.exit(f"imported {{heavy}}" if heavy else code)
"""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime <= 0.5


def test_help_tells_every_exit_code(capsys):
    assert cli.run(["--help"]) == 0
    out = capsys.readouterr().out
    codes = (session.OK, session.SOME_FAILED, session.USAGE, session.REFUSED, session.INTERNAL, session.INTERRUPTED)
    for code in codes:
        assert f"\n    {code} " in out


def test_without_arguments_it_shows_its_help(capsys):
    assert cli.run([]) == 0
    assert "Usage: lastro" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["ask"], ["nonsense"], ["search", "x", "-k", "many"], ["list", "--nonsense"]])
def test_wrong_usage_is_one_line_and_exit_code_2(capsys, arguments):
    assert cli.run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("lastro: ")
    assert captured.err.count("\n") == 1


def test_options_of_the_program_may_follow_the_command():
    assert globals_first(["ask", "q", "-l", "law", "--debug", "-k", "3"]) == [
        "-l", "law", "--debug", "ask", "q", "-k", "3",
    ]  # fmt: skip


def test_nothing_after_two_dashes_is_taken_for_an_option():
    assert globals_first(["remove", "--", "--debug", "-l", "x"]) == ["remove", "--", "--debug", "-l", "x"]


@pytest.mark.parametrize("arguments", [["list", "--library"], ["--library", "--json", "list"], ["list", "-l", "-m"]])
def test_an_option_without_its_value_says_that_it_needs_one(capsys, arguments):
    assert cli.run(arguments) == 2
    assert "needs a value" in capsys.readouterr().err


def test_settings_out_of_range_are_refused_by_name(capsys):
    assert cli.run(["search", "x", "-k", "0"]) == 3
    assert "retrieval.k = 0: must be 1 or more" in capsys.readouterr().err


@pytest.mark.parametrize("variable", ["LASTRO_RETRIEVAL__KK", "LASTRO_RETREIVAL__K"])
def test_a_variable_that_is_no_setting_is_refused_with_the_one_that_was_meant(capsys, monkeypatch, variable):
    monkeypatch.setenv(variable, "3")
    assert cli.run(["search", "x"]) == 3
    error = capsys.readouterr().err
    assert variable in error
    assert "did you mean retrieval.k?" in error


def test_a_section_that_is_not_json_is_no_fault_of_the_file(capsys, monkeypatch):
    monkeypatch.setenv("LASTRO_RETRIEVAL", "three")
    assert cli.run(["search", "x"]) == 3
    error = capsys.readouterr().err
    assert "retrieval" in error
    assert "lastro.toml" not in error


def test_threads_that_wait_sleep_unless_the_user_says_otherwise(monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    assert cli.run(["--version"]) == 0
    assert os.environ["OMP_WAIT_POLICY"] == "active"
    monkeypatch.delenv("OMP_WAIT_POLICY")
    assert cli.run(["--version"]) == 0
    assert os.environ["OMP_WAIT_POLICY"] == "passive"


def test_config_prints_each_value_with_its_origin(capsys, monkeypatch, lastro_home):
    monkeypatch.setenv("LASTRO_RETRIEVAL__K", "3")
    lastro_home.mkdir()
    (lastro_home / "lastro.toml").write_text("[llm]\ntemperature = 0.5\n")
    assert cli.run(["config", "--json", "--model", "mine.gguf"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["home"] == str(lastro_home)
    assert shown["settings"]["retrieval.k"] == {"value": 3, "from": "environment"}
    assert shown["settings"]["llm.temperature"] == {"value": 0.5, "from": "lastro.toml"}
    assert shown["settings"]["llm.model"] == {"value": "mine.gguf", "from": "argument"}
    assert shown["settings"]["llm.seed"] == {"value": 0, "from": "default"}


def test_config_tells_names_and_ranges_even_when_a_setting_is_refused(capsys, monkeypatch):
    monkeypatch.setenv("LASTRO_LLM__TEMPERATURE", "9")
    assert cli.run(["config"]) == 3
    captured = capsys.readouterr()
    assert "llm.temperature" in captured.out
    assert "≤ 2" in captured.out.replace("\n", " ")
    assert "llm.temperature = '9'" in captured.err


def test_a_defect_is_one_line_and_debug_shows_where(capsys, monkeypatch):
    def broken(*_args, **_kwargs):
        raise ZeroDivisionError("by design")

    monkeypatch.setattr("lastro.config.load_settings", broken)
    assert cli.run(["list"]) == 70
    assert capsys.readouterr().err.count("\n") == 1
    assert cli.run(["list", "--debug"]) == 70
    assert "in broken" in capsys.readouterr().err


def test_going_offline_overrules_the_shell(monkeypatch):
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    go_offline()
    assert os.environ["LANGSMITH_TRACING"] == "false"
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    assert os.environ["ANONYMIZED_TELEMETRY"] == "False"


def test_only_a_pull_may_reach_the_hub(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "1")
    go_offline(allow_hub=True)
    assert os.environ["HF_HUB_OFFLINE"] == "0"


def test_the_first_interrupt_asks_and_the_second_one_stops():
    with cancel_on_interrupt(notice=False) as cancel:
        signal.raise_signal(signal.SIGINT)
        assert cancel.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.fixture
def launched(monkeypatch):
    """How the page was started, without starting it."""
    started = []

    def main(settings, *, library):
        started.append((settings.host, settings.port, library, os.environ.get("LASTRO_LLM__MODEL")))
        return -signal.SIGTERM

    monkeypatch.setattr("lastro.ui.launch.main", main)
    monkeypatch.setattr("lastro.serve.check_free", lambda _host, _port: None)
    monkeypatch.setenv("STREAMLIT_LOGGER_HIDE_WELCOME_MESSAGE", "")
    monkeypatch.setenv("LASTRO_LLM__MODEL", "")
    monkeypatch.delenv("LASTRO_LLM__MODEL")
    return started


def test_the_page_listens_on_this_machine_alone(capsys, launched):
    assert cli.run(["app", "--library", "law", "--model", "mine.gguf"]) == 0
    assert launched == [("127.0.0.1", 8501, "law", "mine.gguf")]
    assert "warning" not in capsys.readouterr().err


def test_another_host_is_warned_of(capsys, launched):
    assert cli.run(["app", "--host", "0.0.0.0", "--port", "9000"]) == 0
    assert launched == [("0.0.0.0", 9000, "default", None)]
    assert "warning: 0.0.0.0 lets other machines read every library" in capsys.readouterr().err


def test_a_port_in_use_is_told_before_any_address(capsys, monkeypatch):
    monkeypatch.setattr("lastro.ui.launch.main", lambda *_args, **_kwargs: pytest.fail("it was started"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert cli.run(["app", "--port", str(port)]) == 3
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"ui.port = {port}" in error
    assert "lastro app --port" in error
    assert "http://" not in error


def test_a_host_that_is_not_of_this_machine_is_refused(capsys, monkeypatch):
    monkeypatch.setattr("lastro.ui.launch.main", lambda *_args, **_kwargs: pytest.fail("it was started"))
    assert cli.run(["app", "--host", "192.0.2.1"]) == 3
    assert "192.0.2.1" in capsys.readouterr().err


def test_a_port_that_was_just_closed_is_free():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            served, _ = listener.accept()
            served.close()
            client.recv(1)
    check_free("127.0.0.1", port)


def test_the_address_is_told_once(capsys, launched):
    assert cli.run(["app"]) == 0
    assert capsys.readouterr().err.count("http://127.0.0.1:8501") == 1
    assert os.environ["STREAMLIT_LOGGER_HIDE_WELCOME_MESSAGE"] == "true"
