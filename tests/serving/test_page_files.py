"""The page of a model of whole utterances: its files go to the server as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from asr.bundle import Bundle
from asr.config.streaming import StreamingOptions
from asr.decoding.recognizer import Recognizer
from tests.patience import PATIENCE
from tests.serving.page_kit import Browser, Page, fresh, needs_browser
from tests.serving.serving_kit import Running, running, save
from tests.streaming.streaming_kit import random_bundle, speech
from tests.tone_corpus import RATE
from tools.page_browser import listening_browser

pytestmark = needs_browser
UPLOADS = "**/v1/audio/transcriptions"


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recording") / "words.wav"
    soundfile.write(path, speech(7 * RATE, seed=0), RATE, subtype="PCM_16")
    return path


@pytest.fixture(scope="module")
def whole() -> Bundle:
    return random_bundle("whole")


@pytest.fixture(scope="module")
def folder(whole: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(whole, tmp_path_factory.mktemp("whole") / "tones" / "bundle")


@pytest.fixture(scope="module")
def browser(recording: Path) -> Iterator[Browser]:
    with listening_browser(recording) as started:
        yield started


@pytest.fixture(scope="module")
def files_only(whole: Bundle, folder: Path) -> Iterator[Running]:
    with running(whole, folder, streaming=StreamingOptions()) as server:
        yield server


@pytest.fixture
def page(browser: Browser, files_only: Running) -> Iterator[Page]:
    context = fresh(browser)
    context.set_default_timeout(PATIENCE * 1000)
    opened = context.new_page()
    opened.goto(files_only.url)
    yield opened
    context.close()


def read(page: Page, recording: Path) -> str:
    page.set_input_files("#file", recording)
    page.wait_for_selector("body[data-state=idle]")
    nodes = page.query_selector_all("#segments .text")
    return " ".join(node.inner_text() for node in nodes)


def test_a_file_is_decoded_by_the_server(page: Page, whole: Bundle, recording: Path) -> None:
    """Nothing is offered that the model does not do, and the text is that of the library."""
    trouble: list[str] = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("console", lambda line: trouble.append(line.text))
    sockets: list[Any] = []
    page.on("websocket", lambda socket: sockets.append(socket))
    assert page.is_hidden("#start")
    assert page.is_visible("#open")
    assert "when all of it" in page.inner_text("#empty")
    assert read(page, recording) == Recognizer(whole).transcribe(recording).text != ""
    assert page.inner_text("#clock") == "0:07"
    assert page.locator("#segments .word").count() > 0
    page.click("#segments .word:first-child")
    assert "confidence" in page.inner_text("#word")
    assert (trouble, sockets) == ([], [])


def test_what_only_the_browser_reads_is_decoded_there(
    page: Page, whole: Bundle, recording: Path
) -> None:
    refused: list[str] = []

    def refuse_once(route: Any) -> None:
        if refused:
            route.continue_()
            return
        refused.append(route.request.url)
        error = {"code": "not_audio", "message": "The file cannot be read.", "type": "x"}
        route.fulfill(status=400, json={"error": error})

    page.route(UPLOADS, refuse_once)
    expected = Recognizer(whole).transcribe(recording).text
    # The browser resamples to 16 kHz and the model back to its 8 kHz: near, not the same.
    heard = read(page, recording)
    assert refused
    assert page.is_hidden("#message")
    assert abs(len(heard) - len(expected)) <= 0.2 * len(expected)


def test_refusals_are_told(page: Page, recording: Path, tmp_path: Path) -> None:
    text = tmp_path / "notes.wav"
    text.write_text("no audio")
    assert read(page, text) == ""
    assert "could not be read" in page.inner_text("#message-title")
    answer = {"error": {"code": "busy", "message": "Enough.", "type": "x"}}
    page.route(UPLOADS, lambda route: route.fulfill(status=503, body=json.dumps(answer)))
    assert read(page, recording) == ""
    assert "enough files" in page.inner_text("#message-title")
    page.unroute(UPLOADS)
    page.route(UPLOADS, lambda route: route.abort())
    assert read(page, recording) == ""
    assert "did not answer" in page.inner_text("#message-title")


def test_a_file_can_be_taken_back(page: Page, recording: Path) -> None:
    page.route(UPLOADS, lambda route: None)  # never answered
    page.set_input_files("#file", recording)
    page.wait_for_selector("body:not([data-state=idle])")
    page.click("#start")
    page.wait_for_selector("body[data-state=idle]")
    assert page.locator("#segments .session").count() == 0
    assert page.is_hidden("#message")


def test_live_speech_on_request_says_what_it_is(
    browser: Browser, whole: Bundle, folder: Path, recording: Path
) -> None:
    with running(whole, folder, streaming=StreamingOptions(chunk_ms=640.0)) as server:
        page = fresh(browser).new_page()
        page.goto(server.url)
        assert page.is_visible("#start")
        assert "worse than a file" in " ".join(page.inner_text("#empty").split())
        sockets: list[Any] = []
        page.on("websocket", lambda socket: sockets.append(socket))
        answer = {"text": "", "duration": 7.0, "segments": [], "words": []}
        page.route(UPLOADS, lambda route: route.fulfill(json=answer))
        assert read(page, recording) == ""
        assert page.inner_text("#clock") == "0:07"
        assert sockets == []
        page.click("#settings-button")
        page.check("#real-time")
        page.set_input_files("#file", recording)
        page.wait_for_selector("body[data-state=on]")
        assert len(sockets) == 1
        page.close()
