"""`asr stream`: a split spoken live, and what is measured of it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from asr.bundle import load_bundle
from asr.cli.main import main
from asr.config.streaming import StreamingOptions
from asr.decoding.hypothesis import Hypothesis, Word
from asr.decoding.recognizer import Recognizer
from asr.feeding.cuts import load_cuts
from asr.files import read_json, read_jsonl
from asr.models import Chunking
from asr.streaming import Partial, Segment, StreamingRecognizer
from asr.streaming.measuring.clock import VirtualClock
from asr.streaming.measuring.delays import DelayMeter, settled, words_taken_back
from asr.streaming.measuring.speakers import LiveTranscript, Told, listen
from tests.decoding_kit import DecodingKit

CHUNK = 8  # encoder frames of 40 ms
PACKET = 0.05  # seconds


class EvenClock(VirtualClock):
    """Whatever is done takes `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    @contextmanager
    def working(self) -> Iterator[None]:
        yield
        self.now += self._seconds
        self.busy += self._seconds


@pytest.fixture(scope="module")
def cuts_path(decoding_kit: DecodingKit) -> Path:
    return decoding_kit.corpus.root / "test" / "cuts.jsonl"


@pytest.fixture(scope="module")
def recognizer(decoding_kit: DecodingKit) -> StreamingRecognizer:
    options = StreamingOptions(chunk_size=CHUNK, left_chunks=-1).without_endpoints()
    return StreamingRecognizer(load_bundle(decoding_kit.bundle), options)


def spoken(
    recognizer: StreamingRecognizer, cuts_path: Path, clock: VirtualClock, speakers: int = 1
) -> list[LiveTranscript]:
    return listen(recognizer, load_cuts(cuts_path), clock, PACKET, speakers)


@pytest.fixture(scope="module")
def alone(recognizer: StreamingRecognizer, cuts_path: Path) -> list[LiveTranscript]:
    """One speaker after another; computing takes no time."""
    return spoken(recognizer, cuts_path, EvenClock(0.0))


def test_the_texts_are_those_of_simulated_streaming(
    alone: list[LiveTranscript], recognizer: StreamingRecognizer, cuts_path: Path
) -> None:
    cuts = load_cuts(cuts_path)
    assert [one.cut.id for one in alone] == [cut.id for cut in cuts]
    for method in ("ctc-prefix-beam", "attention-rescoring"):
        offline = Recognizer(recognizer.bundle, method, chunking=Chunking(CHUNK))
        for one in alone:
            features = offline.extractor.extract(one.cut.load_audio()[0])
            (n_best,) = offline.decode_features([features])
            live = one.first_pass if method == "ctc-prefix-beam" else one.final
            assert live.tokens == n_best[0].tokens


def test_what_is_told_was_heard_just_before(alone: list[LiveTranscript]) -> None:
    """Where computing takes no time, what is left is packets and the fbank's window."""
    partials = 0
    for one in alone:
        *before, last = one.told
        for told in before:
            assert isinstance(told.event, Partial)
            assert told.told_at == pytest.approx(told.heard_at)
            assert 0 < told.heard_at - told.event.end <= PACKET + 0.0125
            partials += 1
        assert isinstance(last.event, Segment)
        assert last.told_at == pytest.approx(one.cut.duration)
    assert partials > len(alone)


def test_speakers_at_once_are_told_what_they_are_told_alone(
    alone: list[LiveTranscript], recognizer: StreamingRecognizer, cuts_path: Path
) -> None:
    together = spoken(recognizer, cuts_path, EvenClock(0.0), speakers=5)
    for one, other in zip(alone, together, strict=True):
        assert one.cut.id == other.cut.id
        assert one.final.text == other.final.text
        heard = [(told.event.text, told.heard_at) for told in one.told[:-1]]  # type: ignore[union-attr]
        assert (
            heard
            == [
                (told.event.text, pytest.approx(told.heard_at))  # type: ignore[union-attr]
                for told in other.told[:-1]
            ]
        )


def test_who_computes_slowly_makes_speakers_wait(
    alone: list[LiveTranscript], recognizer: StreamingRecognizer, cuts_path: Path
) -> None:
    """A packet of 50 ms that costs 60 ms at least is late by 10 ms more each time."""
    clock = EvenClock(0.06)
    slow = spoken(recognizer, cuts_path, clock)
    audio = sum(one.cut.duration for one in slow)
    assert clock.busy > 1.2 * audio
    for one, other in zip(alone, slow, strict=True):
        assert one.final.text == other.final.text
        assert [told.heard_at for told in one.told] == pytest.approx(
            [told.heard_at for told in other.told]
        )
        waits = [told.told_at - told.heard_at for told in other.told]
        assert waits == sorted(waits)
        packets = math.ceil(other.cut.duration / PACKET)
        assert waits[-1] > 0.01 * (packets - 1) + 0.06


def test_speakers_whose_ends_meet_get_their_final_texts_in_turn(
    alone: list[LiveTranscript], decoding_kit: DecodingKit, cuts_path: Path
) -> None:
    """A round lasts 0.1 s, the speakers begin 0.08 s apart: one second pass a round."""
    options = StreamingOptions(chunk_size=CHUNK, left_chunks=-1, second_pass_seconds=0)
    recognizer = StreamingRecognizer(load_bundle(decoding_kit.bundle), options.without_endpoints())
    cut = load_cuts(cuts_path)[0]
    together = listen(recognizer, [cut] * 4, EvenClock(0.1), PACKET, 4)
    assert [one.final.text for one in together] == [alone[0].final.text] * 4
    spread = recognizer.chunk_seconds / 4
    ends = sorted(one.told[-1].told_at + n * spread for n, one in enumerate(together))
    assert all(later - sooner > 0.1 - 1e-6 for sooner, later in pairwise(ends))
    for one in together:
        assert [told.told_at for told in one.told] == sorted(told.told_at for told in one.told)
        assert one.told[-1].heard_at == pytest.approx(cut.duration)


def test_the_clock_goes_on_by_what_was_computed() -> None:
    clock = VirtualClock()
    clock.wait_until(3.0)
    with clock.working():
        sum(range(100_000))
    assert clock.now == pytest.approx(3.0 + clock.busy)
    assert clock.busy > 0
    clock.wait_until(2.0)
    assert clock.now > 3.0


@pytest.mark.parametrize(
    ("texts", "since"),
    [
        (["a", "a b", "a b c"], [0, 1, 2]),
        (["ki", "kitchen", "kitchen light"], [1, 2]),
        (["a b", "c b", "a b"], [2, 0]),
        (["", "a x", "a", "a b"], [1, 3]),
        (["a"], [0]),
        (["a b", ""], []),
    ],
)
def test_since_when_a_word_stands(texts: list[str], since: list[int]) -> None:
    assert settled([text.split() for text in texts]) == since


@pytest.mark.parametrize(
    ("before", "after", "count"),
    [
        ("turn on", "turn on the light", 0),
        ("turn o", "turn on the", 0),
        ("turn of", "turn on the", 1),
        ("turn of a", "turn offer", 2),
        ("two three", "three", 2),
        ("two three", "two", 1),
        ("", "two", 0),
    ],
)
def test_words_that_were_taken_back(before: str, after: str, count: int) -> None:
    assert words_taken_back(before.split(), after.split()) == count


def test_delays_of_a_conversation_written_by_hand(alone: list[LiveTranscript]) -> None:
    words = [Word("one", 0.1, 0.4, 1.0), Word("two", 0.5, 0.9, 1.0)]
    first = Hypothesis([1, 2], 0.0, text="one two", words=[words[0], Word("two", 0.6, 1.0, 1.0)])
    final = Hypothesis([1, 3], 0.0, text="one too")
    told = [
        Told(Partial(0, "won"), heard_at=0.4, told_at=0.45),
        Told(Partial(0, "one"), heard_at=0.8, told_at=0.9),
        Told(Segment(0, 0.0, 1.2, "finish", final, first), heard_at=1.2, told_at=1.5),
    ]
    meter = DelayMeter()
    meter.add(LiveTranscript(alone[0].cut, told, first, final), words)
    spreads = meter.spreads()
    means = {name: spread.mean for name, spread in spreads.items()}
    assert means == pytest.approx(
        {
            "emission_delay": ((0.9 - 0.4) + (1.5 - 0.9)) / 2,
            "audio_delay": ((0.8 - 0.4) + (1.2 - 0.9)) / 2,
            "ctc_delay": 0.05,
            "computing": 0.075,
            "first_partial": 0.45 - 0.1,
            "final": 0.3,
            "final_after_speech": 1.5 - 0.9,
        }
    )
    assert spreads["emission_delay"].p90 == pytest.approx(0.59)
    assert meter.flicker == 0.5  # `won` of two words

    unaligned = DelayMeter()
    unaligned.add(LiveTranscript(alone[0].cut, told, first, final), [])
    assert unaligned.spreads()["emission_delay"].count == 0
    assert unaligned.spreads()["final"].mean == pytest.approx(0.3)


def stream(kit: DecodingKit, cuts: Path, output_dir: Path, *options: str) -> int:
    return main(
        [
            "stream", "--bundle", str(kit.bundle), "--cuts", str(cuts), "--split", "test",
            "--output-dir", str(output_dir), *options,
        ]
    )  # fmt: skip


def test_folders_are_scored_beside_the_offline_ones(
    decoding_kit: DecodingKit, cuts_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "exp" / "tones" / "decode" / "test"
    options = ("--chunk-ms", "320", "--chunk-ms", "160", "--set", "left_chunks=4")
    assert stream(decoding_kit, cuts_path, folder, *options, "--speakers", "4") == 0
    assert "320 ms chunks: real-time factor" in capsys.readouterr().out
    names = {
        f"streaming-{chunk}ms-{method}"
        for chunk in (320, 160)
        for method in ("ctc-prefix-beam", "attention-rescoring")
    }
    assert {path.name for path in folder.iterdir()} == names
    for name in names:
        rows = list(read_jsonl(folder / name / "hyps.jsonl"))
        assert [row["id"] for row in rows] == sorted(cut.id for cut in load_cuts(cuts_path))
        files = {"hyps.jsonl", "hyps.trn", "hyps.ctm", "summary.json"}
        if name.endswith("ctc-prefix-beam"):
            files.add("partials.jsonl")
        assert {path.name for path in (folder / name).iterdir()} == files
    summary = read_json(folder / "streaming-320ms-attention-rescoring" / "summary.json")
    assert (summary["chunk_size"], summary["left_chunks"]) == (8, 4)
    live = summary["live"]
    assert (live["sessions"], live["packet_ms"], live["endpointing"]) == (4, 20.0, False)
    assert live["final"]["count"] == 12
    assert live["emission_delay"]["count"] > 12
    assert live["audio_delay"]["mean"] < live["emission_delay"]["mean"] < 0.6

    rows = list(read_jsonl(folder / "streaming-320ms-ctc-prefix-beam" / "partials.jsonl"))
    waits = [told["told_at"] - told["heard_at"] for row in rows for told in row["told"][:-1]]
    assert len(waits) == live["computing"]["count"]
    assert sum(waits) / len(waits) == pytest.approx(live["computing"]["mean"], abs=2e-4)
    finals = read_jsonl(folder / "streaming-320ms-attention-rescoring" / "hyps.jsonl")
    assert [row["told"][-1]["final"] for row in rows] == [row["text"] for row in finals]

    results = ["--results-dir", str(tmp_path / "results")]
    assert main(["score", *map(str, folder.iterdir()), *results]) == 0
    stored = json.loads((tmp_path / "results" / "test.json").read_text())["rows"]
    assert len(stored) == 4
    assert stored[0]["live"]["chunk_ms"] == 160.0
    assert "160 ms" in (tmp_path / "results" / "test.md").read_text()


def test_a_model_without_decoder_has_one_pass(
    decoding_kit: DecodingKit, cuts_path: Path, tmp_path: Path
) -> None:
    arguments = ["--cuts", str(cuts_path), "--split", "test", "--output-dir", str(tmp_path)]
    options = ["--chunk-ms", "640", "--set", "first_pass=ctc-greedy", "--endpointing"]
    bundle = str(decoding_kit.ctc_bundle)
    assert main(["stream", "--bundle", bundle, *arguments, *options]) == 0
    (folder,) = tmp_path.iterdir()
    assert folder.name == "streaming-640ms-ctc-greedy"
    live = read_json(folder / "summary.json")["live"]
    assert (live["first_pass"], live["second_pass"]) == ("ctc-greedy", "none")
    assert live["endpointing"]
    assert live["flicker"] in (None, 0.0)  # greedy takes nothing back


def test_what_is_given_beside_the_model_stands_in_the_names(
    decoding_kit: DecodingKit, cuts_path: Path, tmp_path: Path
) -> None:
    given = ("--hotwords", str(decoding_kit.hotwords), "--ngram", str(decoding_kit.ngram))
    assert stream(decoding_kit, cuts_path, tmp_path, "--chunk-ms", "640", *given) == 0
    first, second = "ctc-prefix-beam+ngram+hotwords", "attention-rescoring+ngram+hotwords"
    folders = {folder.name: folder for folder in tmp_path.iterdir()}
    assert set(folders) == {f"streaming-640ms-{first}", f"streaming-640ms-{second}"}
    for name, folder in folders.items():
        summary = read_json(folder / "summary.json")
        assert name.endswith(summary["method"])
        assert (summary["live"]["first_pass"], summary["live"]["second_pass"]) == (first, second)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--graph", "{graph}"), "--graph: decoding graphs cannot be used in streaming"),
        (("--chunk-ms", "100"), "no whole number of the model's frames of 40 ms. Take 80."),
        (("--chunk-ms", "0"), "'0' is no number above 0"),
        (("--set", "chunk=3"), "Did you mean"),
        (("--speakers", "0"), "--speakers"),
        (("--set", "max_segment=5"), "--set max_segment: would change nothing: it is of --endp"),
        (("--set", "endpoints.rule3=null"), "--set endpoints: would change nothing"),
        (("--set", "chunk_ms=80"), "--set chunk_ms: would change nothing: it is of --chunk-ms"),
        (("--set", "first_pass=ctc-greedy", "--set", "stability=1"), "first_pass=ctc-prefix-beam"),
        (("--set", "second_pass=none", "--set", "second_pass_seconds=1"), "a second pass"),
        (
            ("--set", "first_pass=ctc-greedy", "--set", "second_pass=none", "--set", "beam_size=4"),
            "--set beam_size: would change nothing",
        ),
    ],
)
def test_mistakes_are_one_line(
    options: tuple[str, ...],
    message: str,
    decoding_kit: DecodingKit,
    cuts_path: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = [option.format(graph=decoding_kit.graph) for option in options]
    assert stream(decoding_kit, cuts_path, tmp_path / "decode", *given) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line
    assert not (tmp_path / "decode").exists()
