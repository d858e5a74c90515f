"""How the page is started: Streamlit's command line with every choice made, nothing left to its defaults."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from lastro.config import UiSettings, load_settings
from lastro.offline import go_offline

APP = Path(__file__).with_name("app.py")
_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")

# Calm, with enough contrast to read for hours (text on background: 14:1); light or dark as the reader's system is.
_THEME = {
    "font": "sans-serif",
    "baseFontSize": "16",
    "baseRadius": "0.5rem",
    "showWidgetBorder": "true",
    "showSidebarBorder": "true",
    "light.primaryColor": "#0f5c5c",
    "light.backgroundColor": "#ffffff",
    "light.secondaryBackgroundColor": "#f3f5f4",
    "light.textColor": "#1d2a2a",
    "light.linkColor": "#0f5c5c",
    "light.borderColor": "#dde4e2",
    "light.sidebar.backgroundColor": "#f7f9f8",
    "light.sidebar.secondaryBackgroundColor": "#eaefed",
    "dark.primaryColor": "#5fb8b2",
    "dark.backgroundColor": "#131a1a",
    "dark.secondaryBackgroundColor": "#1d2727",
    "dark.textColor": "#e4ecea",
    "dark.linkColor": "#7fcfc8",
    "dark.borderColor": "#334140",
    "dark.sidebar.backgroundColor": "#182121",
    "dark.sidebar.secondaryBackgroundColor": "#243030",
}


def arguments(settings: UiSettings) -> list[str]:
    """The arguments of `streamlit`: local, quiet, without telemetry, within the limits of the settings."""
    options = {
        "server.address": settings.host,
        "server.port": str(settings.port),
        "server.headless": "true",  # else it asks for an e-mail address on its first run
        "server.showEmailPrompt": "false",
        "server.fileWatcherType": "none",
        "server.runOnSave": "false",
        # Streamlit would collect all garbage after every run of the page, a poll included. With a loaded embedder that
        # is 0.3 s of processor time in which no other thread goes on: watching an answer made it take five times as
        # long.
        "runner.postScriptGC": "false",
        "server.maxUploadSize": str(settings.max_upload_mb),
        "server.enableXsrfProtection": "true",
        "server.enableStaticServing": "false",
        "browser.gatherUsageStats": "false",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": "false",
        "client.toolbarMode": "minimal",
        "global.developmentMode": "false",
        "logger.level": "warning",
        **{f"theme.{name}": value for name, value in _THEME.items()},
    }
    # A foreign page must not reach us through a name of its own that it points at 127.0.0.1.
    names = _LOOPBACK_NAMES if settings.host in _LOOPBACK_NAMES else ()
    hosts = [f"--server.allowedHosts={name}" for name in names]
    return ["run", str(APP), *(f"--{name}={value}" for name, value in options.items()), *hosts]


def command(settings: UiSettings) -> list[str]:
    """The whole command that serves the page in a process of its own."""
    return [sys.executable, "-m", "streamlit", *arguments(settings)]


def main(settings: UiSettings | None = None, *, library: str = "default") -> int:
    """Serve the page until it is interrupted, and return Streamlit's exit status."""
    chosen = load_settings().ui if settings is None else settings
    go_offline()
    process = subprocess.Popen(command(chosen), env={**os.environ, "LASTRO_UI_LIBRARY": library})
    before = signal.signal(signal.SIGTERM, _leave)  # else the page would go on without us
    try:
        return process.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        signal.signal(signal.SIGTERM, before)
        process.terminate()
        process.wait()


def _leave(signum: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt(signum)
