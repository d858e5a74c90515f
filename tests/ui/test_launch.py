import pytest
from streamlit import config

from lastro.config import UiSettings
from lastro.ui import launch


def options(settings):
    return [argument[2:].split("=", 1) for argument in launch.arguments(settings) if argument.startswith("--")]


def test_every_option_is_one_that_streamlit_knows():
    known = config.get_config_options()
    assert [name for name, _ in options(UiSettings()) if name not in known] == []


def test_the_page_is_local_quiet_and_within_its_limits():
    chosen = dict(options(UiSettings(port=9000, max_upload_mb=7)))
    assert chosen["server.address"] == "127.0.0.1"
    assert chosen["server.port"] == "9000"
    assert chosen["server.maxUploadSize"] == "7"
    assert chosen["browser.gatherUsageStats"] == "false"
    assert chosen["client.showErrorDetails"] == "none"
    assert chosen["server.fileWatcherType"] == "none"
    assert chosen["runner.postScriptGC"] == "false", "it stalls every other thread at each poll of the page"


def test_a_local_page_answers_to_local_names_only():
    names = [value for name, value in options(UiSettings()) if name == "server.allowedHosts"]
    assert names == ["127.0.0.1", "localhost", "::1"]
    assert not [name for name, _ in options(UiSettings(host="0.0.0.0")) if name == "server.allowedHosts"]


def test_the_command_runs_the_page_that_is_there():
    command = launch.command(UiSettings())
    assert launch.APP.is_file()
    assert command[1:5] == ["-m", "streamlit", "run", str(launch.APP)]


@pytest.mark.parametrize("stop", [None, KeyboardInterrupt])
def test_the_page_ends_with_the_program_and_knows_its_library(monkeypatch, stop):
    started = {}

    class Process:
        def __init__(self, command, env):
            started.update(env)
            self.waits = [stop, None]

        def wait(self):
            if (outcome := self.waits.pop(0)) is not None:
                raise outcome
            return 0

        def terminate(self):
            started["ended"] = "yes"

    monkeypatch.setattr(launch.subprocess, "Popen", Process)
    assert launch.main(UiSettings(), library="contracts") == 0
    assert started["LASTRO_UI_LIBRARY"] == "contracts"
    assert started["HF_HUB_OFFLINE"] == "1"
    assert started["ended"] == "yes"
