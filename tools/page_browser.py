"""A server, and a headless Chromium that hears a recording as its microphone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

INSTALL = Path(__file__).with_name("install_browser.sh")


def find_browser() -> str | None:
    """Return the program that `tools/install_browser.sh` finds."""
    done = subprocess.run(["bash", str(INSTALL), "--find"], capture_output=True, text=True)
    return done.stdout.strip() or None


@contextmanager
def listening_browser(recording: Path, *flags: str) -> Iterator[Browser]:
    """Start a browser that plays `recording`, a WAV file, once to every page that asks to listen.

    Raises:
        FileNotFoundError: there is no browser.
    """
    from playwright.sync_api import sync_playwright

    program = find_browser()
    if program is None:
        raise FileNotFoundError("there is no Chromium; see tools/install_browser.sh")
    arguments = [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={recording}%noloop",
        *flags,
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def running_server(bundle: Path, *options: str, **environment: str) -> Iterator[str]:
    """Run `asr serve` at a free port of the loopback interface; yields its address."""
    command = [sys.executable, "-m", "asr", "serve", "--bundle", str(bundle), "--port", "0"]
    with subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
    ) as server:
        try:
            assert server.stdout is not None
            greeting = server.stdout.readline()
            if " on http" not in greeting:
                raise RuntimeError("the server did not start; see above")
            yield greeting.split()[-1]
        finally:
            server.terminate()
