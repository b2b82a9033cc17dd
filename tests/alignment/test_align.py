"""`asr align` on tones, of which it is known when each was played."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from lhotse import CutSet

from asr.bundle import load_bundle, save_bundle
from asr.cli.main import main
from asr.corpora.formats.textgrid import read_textgrid
from asr.feeding.cuts import load_cuts
from asr.files import read_json, read_jsonl, write_jsonl
from tests.tone_corpus import ToneCorpus, run, train_here


@pytest.fixture(scope="module")
def bundle(tone_corpus: ToneCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has learned the tones."""
    exp_dir = tmp_path_factory.mktemp("align") / "exp"
    assert train_here(tone_corpus, exp_dir, "training.max_epochs=12")
    run(
        "average", "--exp-dir", str(exp_dir), "--dev-cuts", str(tone_corpus.dev_cuts)
    )  # fmt: skip
    return exp_dir / "bundle"


@pytest.fixture(scope="module")
def cuts_path(tone_corpus: ToneCorpus) -> Path:
    return tone_corpus.root / "test" / "cuts.jsonl"


def tone_times(path: str) -> list[tuple[float, float]]:
    """When the tones of a file sound, in seconds: its loud stretches."""
    samples, rate = soundfile.read(path)
    loud = np.convolve(np.abs(samples), np.ones(80) / 80, "same") > 0.05
    edges = np.flatnonzero(np.diff(loud, prepend=False, append=False)) / rate
    return list(zip(edges[::2], edges[1::2], strict=True))


def align(bundle: Path, cuts: Path, out: Path, *options: str) -> int:
    arguments = ["align", "--bundle", str(bundle), "--cuts", str(cuts), "--output-dir", str(out)]
    return main([*arguments, *options])


@pytest.fixture(scope="module")
def aligned(bundle: Path, cuts_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("aligned")
    formats = [part for name in ("ctm", "json", "textgrid") for part in ("--format", name)]
    assert align(bundle, cuts_path, out, *formats) == 0
    return out


def test_words_lie_where_their_tones_sound(aligned: Path, cuts_path: Path) -> None:
    rows = {row["id"]: row for row in read_jsonl(aligned / "alignments.jsonl")}
    cuts = load_cuts(cuts_path)
    assert list(rows) == sorted(cut.id for cut in cuts)
    for cut in cuts:
        row = rows[cut.id]
        assert [word["word"] for word in row["words"]] == cut.supervisions[0].text.split()
        tones = tone_times(cut.recording.sources[0].source)
        for word, (start, end) in zip(row["words"], tones, strict=True):
            assert start - 0.1 < word["start"] < word["end"] < end + 0.1
        assert row["score"] < 0


def test_json_ctm_and_textgrid_say_the_same(aligned: Path) -> None:
    marks = [line.split() for line in (aligned / "alignments.ctm").read_text().splitlines()]
    for row in read_jsonl(aligned / "alignments.jsonl"):
        own = [mark for mark in marks if mark[0] == row["id"]]
        assert [mark[4] for mark in own] == [word["word"] for word in row["words"]]
        starts = [word["start"] for word in row["words"]]
        assert [float(mark[2]) for mark in own] == pytest.approx(starts, abs=1e-3)
        words, tokens = read_textgrid(aligned / "textgrid" / f"{row['id']}.TextGrid")
        assert (words.name, tokens.name) == ("words", "tokens")
        assert [i.text for i in words.intervals if i.text] == [mark[4] for mark in own]
        assert [i.text for i in tokens.intervals if i.text] == row["tokens"]
        for tier in (words, tokens):
            assert tier.intervals[0].start == 0
            assert tier.intervals[-1].end == pytest.approx(row["duration"], abs=1e-6)
            assert all(left.end == right.start for left, right in pairwise(tier.intervals))


def test_a_wrong_transcript_scores_lower(bundle: Path, cuts_path: Path, tmp_path: Path) -> None:
    cuts = load_cuts(cuts_path)
    texts = [cut.supervisions[0].text for cut in cuts]
    swapped = {"low": "top", "top": "mid", "mid": "high", "high": "low"}
    for cut, text in zip(cuts, texts, strict=True):
        cut.supervisions[0].text = " ".join(swapped[word] for word in text.split())
    CutSet.from_cuts(cuts).to_file(tmp_path / "cuts.jsonl")
    assert align(bundle, tmp_path / "cuts.jsonl", tmp_path / "wrong") == 0
    assert align(bundle, cuts_path, tmp_path / "right") == 0
    wrong, right = (
        {row["id"]: row["score"] for row in read_jsonl(tmp_path / name / "alignments.jsonl")}
        for name in ("wrong", "right")
    )
    assert all(wrong[name] < right[name] for name in right)


def test_what_cannot_be_aligned_is_listed(
    bundle: Path, cuts_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cuts = load_cuts(cuts_path)
    faults = {
        "too-short-for-its-text": "low mid high top " * 20,
        "unknown-token": "low ξ",
        "empty-transcript": " ",
    }
    for cut, text in zip(cuts, faults.values(), strict=False):
        cut.supervisions[0].text = text
    CutSet.from_cuts(cuts).to_file(tmp_path / "cuts.jsonl")
    assert align(bundle, tmp_path / "cuts.jsonl", tmp_path / "out") == 0
    assert "ξ" in capsys.readouterr().out
    rejected = {row["id"]: row["reason"] for row in read_jsonl(tmp_path / "out" / "rejected.jsonl")}
    assert rejected == {cut.id: reason for cut, reason in zip(cuts, faults, strict=False)}
    rows = list(read_jsonl(tmp_path / "out" / "alignments.jsonl"))
    assert {row["id"] for row in rows} == {cut.id for cut in cuts[3:]}
    summary = read_json(tmp_path / "out" / "summary.json")
    assert (summary["aligned"], summary["rejected"]) == (len(rows), dict.fromkeys(faults, 1))

    CutSet.from_cuts(cuts[:3]).to_file(tmp_path / "cuts.jsonl")
    assert align(bundle, tmp_path / "cuts.jsonl", tmp_path / "none") == 2
    assert "no utterance is usable" in capsys.readouterr().err
    assert not (tmp_path / "none" / "alignments.jsonl").exists()


def test_a_model_that_diverged_is_one_clear_line(
    bundle: Path, cuts_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    diverged = load_bundle(bundle)
    weights = {name: value * torch.nan for name, value in diverged.model.state_dict().items()}
    save_bundle(tmp_path / "bundle", weights, diverged.config, diverged.tokenizer, {})
    assert align(tmp_path / "bundle", cuts_path, tmp_path / "out") == 2
    assert "holds values that are not finite" in capsys.readouterr().err
    assert not (tmp_path / "out" / "alignments.jsonl").exists()


def test_a_batch_gives_what_each_gives_alone(
    bundle: Path, cuts_path: Path, aligned: Path, tmp_path: Path
) -> None:
    assert align(bundle, cuts_path, tmp_path, "--batch-duration", "0.01") == 0
    alone = list(read_jsonl(tmp_path / "alignments.jsonl"))
    for one, batched in zip(alone, read_jsonl(aligned / "alignments.jsonl"), strict=True):
        assert one["timestamps"] == batched["timestamps"]
        assert one["score"] == pytest.approx(batched["score"], abs=1e-4)


def test_the_delay_of_a_decoder(
    bundle: Path, cuts_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(
        "decode", "--bundle", str(bundle), "--cuts", str(cuts_path), "--split", "test",
        "--output-dir", str(tmp_path), "--method", "ctc-greedy",
    )  # fmt: skip
    folder = tmp_path / "ctc-greedy"
    check_decoded_times(folder)
    rows = list(read_jsonl(folder / "hyps.jsonl"))
    for row in rows:
        for word in row["words"]:
            word["end"] += 0.5
    write_jsonl(tmp_path / "late" / "hyps.jsonl", rows)
    delays = ("--delay-of", str(folder), "--delay-of", str(tmp_path / "late"))
    assert align(bundle, cuts_path, tmp_path / "out", *delays) == 0
    own, late = read_json(tmp_path / "out" / "summary.json")["emission_delay"]
    assert own["words"] == late["words"] > 20
    assert own["mean"] == pytest.approx(0.0, abs=0.01)  # the same model, nearly all words correct
    assert late["mean"] - own["mean"] == pytest.approx(0.5, abs=1e-3)
    assert late["p90"] - own["p90"] == pytest.approx(0.5, abs=1e-3)

    for row in rows:
        del row["words"]
    write_jsonl(tmp_path / "late" / "hyps.jsonl", rows)
    assert align(bundle, cuts_path, tmp_path / "out", *delays) == 2
    assert "the words have no times" in capsys.readouterr().err


def check_decoded_times(folder: Path) -> None:
    """What a decode folder says of words agrees with its texts and lies within the utterances."""
    lines = (folder / "hyps.ctm").read_text(encoding="utf-8").splitlines()
    marks = [line.split() for line in lines]
    expected = []
    for row in read_jsonl(folder / "hyps.jsonl"):
        assert [word["word"] for word in row["words"]] == row["text"].split()
        assert len(row["timestamps"]) == len(row["ends"]) == len(row["tokens"])
        times = [time for word in row["words"] for time in (word["start"], word["end"])]
        assert times == sorted(times)
        assert not times or (times[0] >= 0 and times[-1] <= row["duration"] + 0.04)
        expected += [(row["id"], word["word"]) for word in row["words"]]
    assert [(mark[0], mark[4]) for mark in marks] == expected
    assert all(0 <= float(mark[5]) <= 1 for mark in marks)
    assert read_json(folder / "summary.json")["utterances_without_times"] == 0


def test_transcribe_prints_words_in_time(
    bundle: Path, cuts_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = load_cuts(cuts_path)[0].recording.sources[0].source
    capsys.readouterr()
    run("transcribe", "--bundle", str(bundle), "--format", "json", path)
    row = json.loads(capsys.readouterr().out)
    assert [word["word"] for word in row["words"]] == row["text"].split()
    assert len(row["words"]) == len(tone_times(path))
