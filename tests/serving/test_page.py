"""A real browser hears a known recording and shows its transcript, by a real server and model."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from asr.decoding.hypothesis import Word
from asr.training.averaging import choose_weights
from asr.transcription.formats import Transcript, as_srt, as_text
from tests.patience import PATIENCE
from tests.serving.page_kit import Browser, Page, fresh, needs_browser
from tests.tone_corpus import RATE, make_corpus, speak_slowly, train_here
from tools.page_browser import listening_browser, running_server

pytestmark = needs_browser
KEY = "correct-horse"
SPOKEN = "low high top mid mid low"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has learned tones with pauses between them, in chunks of any size."""
    root = tmp_path_factory.mktemp("live")
    corpus = make_corpus(root, {"train": 60, "dev": 6}, say=speak_slowly)
    train_here(
        corpus,
        root / "exp",
        "training.max_epochs=18",
        "optimizer_params.lr=5e-3",
        "encoder_params.chunking.mode=dynamic",
        "encoder_params.chunking.max_chunk_size=12",
    )
    choose_weights(root / "exp", corpus.dev_cuts, torch.device("cpu"))
    return root / "exp" / "bundle"


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The words after half a second of noise, and noise for as long as anybody listens."""
    path = tmp_path_factory.mktemp("recording") / "words.wav"
    rng = np.random.default_rng(7)
    samples = speak_slowly(SPOKEN.split(), rng, before=(0.5,), after=(20.0,))
    soundfile.write(path, samples, RATE, subtype="PCM_16")
    return path


@pytest.fixture(scope="module")
def address(bundle: Path) -> Iterator[str]:
    with running_server(bundle, ASR_API_KEYS=KEY) as running:
        yield running


@pytest.fixture(scope="module")
def browser(recording: Path) -> Iterator[Browser]:
    with listening_browser(recording) as started:
        yield started


@dataclass
class Watched:
    """A page of the server and what was seen of it.

    Attributes:
        trouble: errors of scripts and of the console, requests to other origins.
        results: messages of the server.
    """

    page: Page
    address: str
    trouble: list[str] = field(default_factory=list)
    results: list[dict[str, Any]] = field(default_factory=list)

    def open(self, key: str = KEY) -> Watched:
        page = self.page
        page.on("pageerror", lambda error: self.trouble.append(str(error)))
        page.on("console", lambda line: self._check(line.type in ("error", "warning"), line.text))
        page.on("request", lambda request: self._check_address(request.url))
        page.on("websocket", self._watch)
        page.goto(self.address)
        page.click("#settings-button")
        page.fill("#key", key)
        page.click("#settings-button")
        return self

    def _watch(self, socket: Any) -> None:
        self._check_address(socket.url)
        socket.on("framereceived", lambda frame: self.results.append(json.loads(frame)))

    def _check_address(self, url: str) -> None:
        own = (
            f"{self.address}/",
            self.address.replace("http", "ws") + "/",
            f"blob:{self.address}/",
        )
        self._check(not url.startswith(own), f"asked for {url}")

    def _check(self, is_wrong: bool, what: str) -> None:
        if is_wrong:
            self.trouble.append(what)

    def words(self) -> list[Word]:
        """The words of all finals."""
        rows = [row for each in self.results if each["type"] == "final" for row in each["words"]]
        return [Word(row["word"], row["start"], row["end"], row["confidence"]) for row in rows]

    def text(self) -> str:
        nodes = self.page.query_selector_all("#segments .text")
        return " ".join(node.inner_text() for node in nodes)

    def read(self, recording: Path) -> None:
        self.page.set_input_files("#file", recording)
        self.page.wait_for_selector("#segments .word")
        self.page.wait_for_selector("body[data-state=idle]")

    def download(self, button: str) -> str:
        with self.page.expect_download() as download:
            self.page.click(button)
        return download.value.path().read_text(encoding="utf-8")


@pytest.fixture
def watched(browser: Browser, address: str) -> Iterator[Watched]:
    context = fresh(browser)
    context.set_default_timeout(PATIENCE * 1000)
    yield Watched(context.new_page(), address)
    context.close()


def test_what_the_microphone_hears_is_read_from_the_page(watched: Watched) -> None:
    page = watched.open().page
    page.click("#start")
    page.wait_for_selector("#segments .word")
    page.click("#start")
    page.wait_for_selector("body[data-state=idle]")
    assert watched.text() == SPOKEN
    assert (page.text_content("#log") or "").strip() == SPOKEN
    assert re.fullmatch(r"delay \d+ ms, median \d+", page.inner_text("#delay"))
    partials = [each for each in watched.results if each["type"] == "partial"]
    assert {each["text"] for each in partials} & {"low", "low high", "low high top"}
    page.click("#segments .word:first-child")
    assert re.fullmatch(r"low · 0\.\d\d to \d\.\d\d s · confidence \d+ %", page.inner_text("#word"))
    assert watched.trouble == []


def test_a_file_is_read_and_downloads_hold_its_words(watched: Watched, recording: Path) -> None:
    watched.open().read(recording)
    assert watched.text() == SPOKEN
    assert watched.page.is_hidden("#delay")  # a file sent at once was not spoken just now
    transcript = Transcript("words.wav", 0.0, watched.words())
    assert transcript.text == SPOKEN
    assert watched.download("#save-txt") == as_text(transcript)
    assert watched.download("#save-srt") == as_srt(transcript)
    assert watched.trouble == []


def test_a_wrong_key_is_told_and_can_be_corrected(watched: Watched, recording: Path) -> None:
    page = watched.open(key="").page
    for key, words in (("", "asks for an API key"), ("wrong-key", "does not know this API key")):
        if key:
            page.fill("#key", key)
        page.set_input_files("#file", recording)
        page.wait_for_selector(f"#message:has-text('{words}')")
        page.wait_for_selector("body[data-state=idle]")
        assert page.evaluate("document.activeElement.id") == "key"
    page.fill("#key", KEY)
    watched.read(recording)
    assert page.is_hidden("#message")
    assert watched.text() == SPOKEN


def test_it_fits_a_phone(browser: Browser, address: str, recording: Path) -> None:
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    watched = Watched(fresh(browser, **phone).new_page(), address).open()
    watched.read(recording)
    watched.page.tap("#segments .word:last-child")
    assert watched.page.is_visible("#word")
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= 360
    assert watched.page.is_visible("#start")
    assert watched.trouble == []
