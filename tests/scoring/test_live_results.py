"""Rows of live decodings: in the tables, on the page of a split and in the report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asr.cli.main import main
from asr.scoring.latency import Spread
from tests.html_page import Page
from tests.scoring.test_score_command import tables

MakeDecode = Callable[..., Path]
RIGHT = [("ann-1", "one two three four", "one two three four")]
WRONG = [("ann-1", "one two three four", "one too three four")]
WORSE = [("ann-1", "one two three four", "won too three four")]


def spread(mean: float) -> dict[str, Any]:
    return {"count": 9, "mean": mean, "p50": mean - 0.01, "p90": mean + 0.2}


def live(chunk_ms: float, **changed: Any) -> dict[str, Any]:
    delay = chunk_ms / 2000
    return {
        "chunk_ms": chunk_ms,
        "lookahead_ms": 0.0 if chunk_ms == 320 else 80.0,
        "packet_ms": 20.0,
        "sessions": 1,
        "endpointing": False,
        "first_pass": "ctc-prefix-beam",
        "second_pass": "attention-rescoring",
        "emission_delay": spread(delay + 0.05),
        "audio_delay": spread(delay),
        "ctc_delay": spread(0.0),
        "computing": spread(0.05),
        "first_partial": spread(chunk_ms / 1000),
        "final": spread(0.03),
        "final_after_speech": spread(0.3),
        "flicker": 0.125,
        **changed,
    }


@pytest.fixture
def scored(make_decode: MakeDecode, tmp_path: Path) -> Path:
    """Whole utterances, chunks of 320 and 160 ms by both passes, and one of simulated streaming."""
    first, second = "ctc-prefix-beam", "attention-rescoring"
    folders = [
        make_decode(RIGHT, method=first, rtf=0.001),
        make_decode(RIGHT, method=second, rtf=0.002),
        make_decode(RIGHT, method=second, chunk_size=8),
        make_decode(WRONG, method=first, chunk_size=8, live=live(320.0), rtf=0.1),
        make_decode(RIGHT, method=second, chunk_size=8, live=live(320.0), rtf=0.1),
        make_decode(WORSE, method=first, chunk_size=4, live=live(160.0), rtf=0.2),
        make_decode(WRONG, method=second, chunk_size=4, live=live(160.0), rtf=0.2),
    ]
    results = ["--results-dir", str(tmp_path / "results")]
    assert main(["score", *map(str, folders), *results]) == 0
    return tmp_path / "results"


def test_spreads() -> None:
    assert Spread.of([0.1, 0.2, 0.6]) == Spread(count=3, mean=0.3, p50=0.2, p90=0.52)
    assert Spread.of([]) == Spread(count=0, mean=None, p50=None, p90=None)


def test_every_decoding_has_its_row(scored: Path) -> None:
    rows = json.loads((scored / "test.json").read_text())["rows"]
    assert len(rows) == 7
    kept = {(r["method"], r["chunk_size"], (r["live"] or {}).get("chunk_ms")) for r in rows}
    assert ("attention-rescoring", 8, None) in kept
    assert ("attention-rescoring", 8, 320.0) in kept


def test_the_page_has_both_passes_of_a_chunk_in_a_row(scored: Path) -> None:
    rates, streaming, provenance = tables((scored / "test.md").read_text())
    assert [row["chunk"] for row in streaming] == ["full", "320 ms", "160 + 80 ms"]
    firsts = [row["first pass WER % [low, high]"].split()[0] for row in streaming]
    seconds = [row["second pass WER % [low, high]"].split()[0] for row in streaming]
    assert (firsts, seconds) == (["0.00", "25.00", "50.00"], ["0.00", "0.00", "25.00"])
    full, long, _ = streaming
    assert (full["delay mean"], full["final p90"], full["sessions"]) == ("n/a", "n/a", "n/a")
    assert full["RTF"] == "0.0020"
    columns = ["delay mean", "delay p50", "delay p90", "delay heard", "first partial p50"]
    assert [long[column] for column in columns] == ["210", "200", "410", "160", "310"]
    assert (long["final p50"], long["final p90"]) == ("20", "230")
    assert (long["flicker %"], long["RTF"], long["sessions"]) == ("12.50", "0.1000", "1")
    assert [row["chunk"] for row in rates].count("320 ms") == 2
    assert "streaming-160ms-ctc-prefix-beam" in provenance[0]["methods"]


def test_passes_of_different_runs_do_not_share_a_row(scored: Path, make_decode: MakeDecode) -> None:
    again = make_decode(
        RIGHT, method="ctc-prefix-beam", chunk_size=8, live=live(320.0, sessions=4), rtf=0.3
    )
    assert main(["score", str(again), "--results-dir", str(scored)]) == 0
    _, streaming, _ = tables((scored / "test.md").read_text())
    passes = [
        (row["sessions"], row["first pass WER % [low, high]"] == "n/a")
        for row in streaming
        if row["chunk"] == "320 ms"
    ]
    assert sorted(passes) == [("1", True), ("4", False)]


def test_what_was_added_to_the_passes_has_rows_of_its_own(
    scored: Path, make_decode: MakeDecode, tmp_path: Path
) -> None:
    first, second = "ctc-prefix-beam+ngram", "attention-rescoring+ngram"
    both = live(320.0, first_pass=first, second_pass=second)
    alone = live(320.0, second_pass="none")
    folders = [
        make_decode(RIGHT, method=first, chunk_size=8, live=both),
        make_decode(RIGHT, method=second, chunk_size=8, live=both),
        make_decode(WRONG, method="ctc-prefix-beam", chunk_size=8, live=alone, experiment="small"),
    ]
    assert main(["score", *map(str, folders), "--results-dir", str(scored)]) == 0
    _, streaming, _ = tables((scored / "test.md").read_text())
    passes = [row["passes"] for row in streaming if row["chunk"] == "320 ms"]
    plain = "ctc-prefix-beam, attention-rescoring"
    assert sorted(passes) == sorted([plain, f"{first}, {second}", "ctc-prefix-beam"])
    assert main(["report", "--results-dir", str(scored), "--exp-root", str(tmp_path / "exp")]) == 0
    shown = Page((scored / "report.html").read_text()).shown
    assert "conformer, ctc-prefix-beam+ngram, first pass, 320 ms:" in shown
    assert "conformer, ctc-prefix-beam, first pass, 160 + 80 ms:" in shown


def test_the_report_draws_error_rate_against_delay(scored: Path, tmp_path: Path) -> None:
    arguments = ["--results-dir", str(scored), "--exp-root", str(tmp_path / "exp")]
    assert main(["report", *arguments]) == 0
    page = Page((scored / "report.html").read_text())
    titles, *rows = page.tables["Streaming on test"]
    assert [row[titles.index("chunk")] for row in rows] == ["full", "320 ms", "160 + 80 ms"]
    for words in (
        "first pass, 320 ms: mean emission delay of partials, ms 210, WER % 25.00",
        "first pass, 160 + 80 ms: mean emission delay of partials, ms 130, WER % 50.00",
        "second pass, 160 + 80 ms: mean emission delay of partials, ms 130, WER % 25.00",
    ):
        assert words in page.shown


def test_without_live_decodings_there_is_nothing_of_them(
    make_decode: MakeDecode, tmp_path: Path
) -> None:
    folder = make_decode(RIGHT)
    assert main(["score", str(folder), "--results-dir", str(tmp_path / "results")]) == 0
    assert "Streaming" not in (tmp_path / "results" / "test.md").read_text()


def test_hotwords_of_a_live_decoding_have_a_row_of_their_own(scored: Path, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("two\n")
    folder = tmp_path / "exp" / "conformer" / "decode" / "test"
    names = ("attention-rescoring-chunk8", "streaming-320ms-attention-rescoring")
    arguments = ["--hotwords", str(tmp_path / "words.txt"), "--results-dir", str(scored)]
    assert main(["score", *(str(folder / name) for name in names), *arguments]) == 0
    (rows,) = tables((scored / "test.hotwords.md").read_text())
    assert {row["method"] for row in rows} == set(names)
