"""What the page does with what a server, a microphone and a user may answer; no server runs."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from asr.decoding.hypothesis import Word
from asr.transcription.formats import Transcript, as_srt, as_text, as_vtt
from tests.serving.page_kit import (
    READY,
    Browser,
    Connection,
    ScriptedPage,
    fresh,
    give,
    is_started,
    needs_browser,
    refuse,
    result,
    served_page,
    word,
    write_tone,
)
from tools.page_browser import listening_browser

pytestmark = needs_browser
INSECURE = "speech.example.org"
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
UNSURE = [word("turn", 0.1), word("light", 0.5, 0.7), word("on", 0.9, 0.2)]
REJECT = """() => { navigator.mediaDevices.getUserMedia = async () => {
  throw new DOMException("no", "%s");
}; }"""
CONTRAST = """(selector) => {
  const luminance = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const node = document.querySelector(selector);
  let behind = node;
  while (getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)") {
    behind = behind.parentElement;
  }
  const pair = [getComputedStyle(node).color, getComputedStyle(behind).backgroundColor];
  const [high, low] = pair.map(luminance).sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}"""


@pytest.fixture(scope="module")
def tone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tone(tmp_path_factory.mktemp("tone") / "tone.wav")


@pytest.fixture(scope="module")
def browser(tone: Path) -> Iterator[Browser]:
    with listening_browser(tone, f"--host-resolver-rules=MAP {INSECURE} 127.0.0.1") as started:
        yield started


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with served_page() as port:
        yield f"http://127.0.0.1:{port}"


def show(
    browser: Browser, origin: str, tone: Path, *finals: dict, **options: object
) -> ScriptedPage:
    """Return a page that has read the tone and got these finals."""
    shown = ScriptedPage(fresh(browser, **options), origin, give(*finals))
    shown.open_file(tone)
    shown.page.wait_for_selector(".word")
    shown.wait("idle")
    return shown


def test_what_will_not_change_is_set_apart_while_it_is_spoken(
    browser: Browser, origin: str
) -> None:
    partial = result("partial", word("turn", 0.1), word("of", 0.4), stable="turn o")
    shown = ScriptedPage(
        fresh(browser),
        origin,
        give(result("final", word("turn", 0.1), word("on", 0.4)), before=(partial,)),
    )
    shown.page.click("#start")
    shown.page.wait_for_selector("#partial:visible")
    assert shown.text("#stable") == "turn"
    assert shown.text("#unstable") == "of"
    style = "(id) => { const s = getComputedStyle(document.getElementById(id));"
    style += " return s.color + s.fontStyle }"
    assert shown.page.evaluate(style, "stable") != shown.page.evaluate(style, "unstable")
    assert shown.text("#log") == ""
    shown.page.click("#start")
    shown.wait("idle")
    assert shown.page.is_hidden("#partial")
    assert shown.text("#segments .text") == "turn on"
    assert shown.page.text_content("#log") == "turn on"
    assert shown.trouble == []


def test_words_tell_their_time_and_confidence_to_pointer_and_keys(
    browser: Browser, origin: str, tone: Path
) -> None:
    page = show(browser, origin, tone, result("final", *UNSURE)).page
    page.click(".word.low")
    assert page.inner_text("#word") == "on · 0.90 to 1.10 s · confidence 20 %"
    page.keyboard.press("ArrowLeft")
    assert page.inner_text("#word") == "light · 0.50 to 0.70 s · confidence 70 %"
    page.keyboard.press("Escape")
    assert page.is_hidden("#word")
    labels = [
        node.get_attribute("aria-label") for node in page.query_selector_all("#segments .word")
    ]
    assert labels == [None, "light, medium confidence", "on, low confidence"]


def test_everything_can_be_reached_by_keys(browser: Browser, origin: str, tone: Path) -> None:
    page = show(browser, origin, tone, result("final", *UNSURE)).page
    page.focus(".skip")
    reached = []
    for _ in range(9):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("document.activeElement.id || document.activeElement.className")
        )
    buttons = ["copy", "save-txt", "save-srt", "save-vtt", "clear", "start", "open"]
    assert reached == ["settings-button", "word high", *buttons]
    page.focus("#settings-button")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "key"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_marks_differ_by_more_than_colour_and_can_be_read(
    browser: Browser, origin: str, tone: Path, scheme: str
) -> None:
    page = show(browser, origin, tone, result("final", *UNSURE), color_scheme=scheme).page
    for part in (".high", ".medium", ".low", ".time", ".session", "#state", "#clock", "#start"):
        selector = part if part[0] == "#" or part in (".time", ".session") else f"#segments {part}"
        assert page.evaluate(CONTRAST, selector) >= 4.5, part
    line = "(s) => getComputedStyle(document.querySelector('#segments ' + s)).textDecorationStyle"
    lines = [page.evaluate(line, band) for band in (".high", ".medium", ".low")]
    assert len(set(lines)) == 3
    page.click("#settings-button")
    page.uncheck("#show-confidence")
    assert page.evaluate(line, ".low") == lines[0]


def test_text_of_a_server_is_text(browser: Browser, origin: str, tone: Path) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    shown = show(browser, origin, tone, result("final", word(hostile, 0.1)))
    assert shown.text("#segments .text") == hostile
    assert shown.trouble == []


def test_a_lost_connection_loses_neither_text_nor_audio(
    browser: Browser, origin: str, tone: Path
) -> None:
    def fail(connection: Connection) -> None:
        if connection.has_finished:
            partial = result("partial", word("thr", 1.2), end=2.0)
            connection.say(result("final", word("one", 0.1), end=1.0), partial)
            connection.route.close(code=3000)
        elif is_started(connection):
            give()(connection)

    shown = ScriptedPage(fresh(browser), origin, fail, give(result("final", word("three", 0.25))))
    shown.open_file(tone)
    shown.page.wait_for_selector("#message:visible")
    assert "The connection was lost." in shown.text("#message")
    assert shown.text("#segments .text") == "one"
    assert shown.text("#stable") + shown.text("#unstable") == "thr"
    shown.page.wait_for_selector(".segment:nth-of-type(2)")
    shown.wait("idle")
    assert shown.page.is_hidden("#message")
    first, second = shown.connections
    assert (first.samples, second.samples) == (48000, 32000)
    texts = [node.inner_text() for node in shown.page.query_selector_all("#segments .text")]
    assert texts == ["one", "three"]
    shown.page.click("#segments .word:text('three')")
    assert "1.25 to 1.45 s" in shown.text("#word")


def test_who_gives_up_keeps_the_text(browser: Browser, origin: str, tone: Path) -> None:
    def fail(connection: Connection) -> None:
        if is_started(connection):
            connection.say({**result("partial", word("half", 0.1)), "type": "partial"})
            connection.route.close(code=3000)

    shown = ScriptedPage(fresh(browser), origin, fail)
    shown.open_file(tone)
    shown.page.wait_for_selector("#message:visible")
    shown.page.click("#start")
    shown.wait("idle")
    assert shown.text("#segments .unfinished .text") == "half"
    shown.page.click("#clear")
    assert shown.page.is_visible("#empty")


def test_a_message_is_seen_at_the_end_of_a_long_text(
    browser: Browser, origin: str, tone: Path
) -> None:
    def talk(connection: Connection) -> None:
        if is_started(connection):
            connection.say(READY, *[result("final", word("one", 0.1), end=0.1)] * 60)
            connection.route.close(code=3000)

    shown = ScriptedPage(fresh(browser), origin, talk)
    shown.open_file(tone)
    shown.page.wait_for_selector("#message:visible")
    assert shown.page.evaluate("window.scrollY") > 200
    box = shown.page.locator("#message").bounding_box()
    assert box is not None
    assert box["y"] >= 0


def test_an_overlong_session_goes_on_in_a_new_one(
    browser: Browser, origin: str, tone: Path
) -> None:
    def stop_early(connection: Connection) -> None:
        if is_started(connection):
            give()(connection)
        elif connection.has_finished:
            connection.say(result("final", word("one", 0.1), end=2.0), {"type": "done"})
            connection.refuse("session_too_long", 4413)

    shown = ScriptedPage(
        fresh(browser), origin, stop_early, give(result("final", word("two", 0.3)))
    )
    shown.open_file(tone)
    shown.page.wait_for_selector(".segment:nth-of-type(2)")
    assert shown.connections[1].samples == 16000
    assert "longest session" in shown.text("#message")


@pytest.mark.parametrize(
    ("code", "close", "words", "focus"),
    [
        ("full", 4503, "The server is full.", None),
        ("key_missing", 4401, "asks for an API key", "key"),
        ("key_wrong", 4403, "does not know this API key", "key"),
        ("bad_start", 4400, "It is bad_start.", None),
    ],
)
def test_a_refusal_is_told(
    browser: Browser, origin: str, tone: Path, code: str, close: int, words: str, focus: str | None
) -> None:
    shown = ScriptedPage(fresh(browser), origin, refuse(code, close))
    shown.open_file(tone)
    shown.page.wait_for_selector("#message:visible")
    shown.wait("idle")
    assert words in shown.text("#message")
    assert shown.page.is_visible("#empty")
    assert len(shown.connections) == 1
    if focus:
        assert shown.page.evaluate("document.activeElement.id") == focus


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("NotAllowedError", "The microphone was refused."),
        ("NotFoundError", "No microphone was found."),
        ("NotReadableError", "The microphone cannot be used."),
    ],
)
def test_a_microphone_that_cannot_be_had_is_told(
    browser: Browser, origin: str, error: str, words: str
) -> None:
    shown = ScriptedPage(fresh(browser), origin, give())
    shown.page.evaluate(REJECT % error)
    shown.page.click("#start")
    shown.page.wait_for_selector("#message:visible")
    assert words in shown.text("#message")
    shown.wait("idle")
    assert shown.connections == []


def test_a_page_that_is_not_secure_says_why_it_cannot_listen(browser: Browser, origin: str) -> None:
    shown = ScriptedPage(fresh(browser), origin.replace("127.0.0.1", INSECURE), give())
    shown.page.click("#start")
    shown.page.wait_for_selector("#message:visible")
    assert "needs a secure page" in shown.text("#message")


def test_a_file_without_audio_is_told(browser: Browser, origin: str, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no audio")
    shown = ScriptedPage(fresh(browser), origin, give())
    shown.open_file(path)
    shown.page.wait_for_selector("#message:visible")
    assert "could not be read" in shown.text("#message")
    assert "notes.txt" in shown.text("#message")


def test_key_and_hotwords_are_sent(browser: Browser, origin: str, tone: Path) -> None:
    shown = ScriptedPage(fresh(browser), origin, give())
    shown.page.click("#settings-button")
    shown.page.fill("#key", "ключ/+?")
    shown.page.fill("#hotwords", "high top\n\n  mid ")
    offered = "() => { window.offered = []; window.WebSocket = class extends WebSocket {"
    offered += " constructor(url, names) { super(url, names); window.offered.push(...names); } } }"
    shown.page.evaluate(offered)
    shown.open_file(tone)
    shown.wait("idle")
    assert shown.connections[0].start == {
        "type": "start", "sampling_rate": 16000, "encoding": "s16le",
        "hotwords": ["high top", "mid"],
    }  # fmt: skip
    assert shown.page.evaluate("window.offered") == ["asr.v1", "asr.key.0LrQu9GO0YcvKz8"]


def test_nothing_is_wider_than_a_phone(browser: Browser, origin: str, tone: Path) -> None:
    long = result("final", word("a" * 90, 0.1, 0.3), word("b", 1.0))
    shown = show(browser, origin, tone, long, **PHONE)
    page = shown.page
    page.tap("#settings-button")
    page.tap("#segments .word:text('b')")
    assert page.is_visible("#word")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    small = "() => [...document.querySelectorAll('button, input, textarea')]"
    small += (
        ".filter((n) => n.offsetParent && !n.classList.contains('unseen') && n.type != 'checkbox')"
    )
    small += ".filter((n) => n.offsetHeight < 36).map((n) => n.id)"
    assert page.evaluate(small) == []


def test_downloads_are_those_of_the_transcription_command(browser: Browser, origin: str) -> None:
    rng = random.Random(0)
    words, second = [], 0.0
    for _ in range(300):
        second += rng.choice([0.0, 0.05, 0.3, 1.0, 2.5])
        end = second + rng.uniform(0.05, 0.6)
        text = rng.choice(
            ["a", "light", "R&D", "<b>", "你", "好", "かな", "한국", "Ｗ", "incomprehensibly"]
        )
        words.append(Word(text, round(second, 3), round(end, 3), 0.9))
        second = end
    page = ScriptedPage(fresh(browser), origin, give()).page
    rows = [each.row() for each in words]
    forms = "async (words) => { const c = await import('/captions.js');"
    forms += " return [c.asText(words), c.asSrt(words), c.asVtt(words)]; }"
    transcript = Transcript("x.wav", second, words)
    expected = [as_text(transcript), as_srt(transcript), as_vtt(transcript)]
    assert page.evaluate(forms, rows) == expected
