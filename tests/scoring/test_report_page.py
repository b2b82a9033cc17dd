"""`asr report`: what stands on the page is what was scored, and the page needs nothing else."""

from __future__ import annotations

import base64
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
from lhotse import CutSet, MonoCut, Recording
from lhotse.audio import AudioSource

from asr.cli.main import main
from asr.scoring.corpus import compare_corpora, score_corpus
from asr.scoring.hypotheses import read_hypotheses
from asr.scoring.report.audio import Segment, read_clip
from asr.signal.audio.cuts import Downmix
from tests.audio.media import encode, sound
from tests.html_page import Page, reaches_outside

MakeDecode = Callable[..., Path]
Triples = Sequence[tuple[str, str, str]]
WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def triples(wrong: int) -> Triples:
    """Nine words an utterance, of two speakers; the first `wrong` utterances have errors."""
    made = []
    for index in range(12):
        hypothesis = list(WORDS)
        if index < wrong:
            hypothesis[0:2] = ["<u>"] if index % 2 else ["won", "too"]
        if index == 0:
            hypothesis.append("ten")
        name = f"{'ann' if index % 3 else 'bob'}-{index}"
        made.append((name, " ".join(WORDS), " ".join(hypothesis)))
    return made


@pytest.fixture
def folders(make_decode: MakeDecode, tmp_path: Path) -> list[Path]:
    """Scored: greedy is best on test, joint+ngram on dev."""
    decoded = [
        make_decode(triples(4), split="dev", rtf=0.01),
        make_decode(triples(2), split="dev", method="joint+ngram", rtf=0.1),
        make_decode(triples(3), rtf=0.01, options={"beam_size": 7}, weights="best-3"),
        make_decode(triples(6), method="joint+ngram", rtf=0.1),
        make_decode(triples(9), method="attention", rtf=0.2, chunk_size=16),
    ]
    results = ["--results-dir", str(tmp_path / "results")]
    assert main(["score", *map(str, decoded), *results]) == 0
    return decoded


def report(folder: Path, *options: str) -> int:
    arguments = ["--results-dir", str(folder / "results"), "--exp-root", str(folder / "exp")]
    return main(["report", *arguments, *options])


def read_page(folder: Path) -> Page:
    text = (folder / "results" / "report.html").read_text(encoding="utf-8")
    assert not reaches_outside(text)
    return Page(text)


def cells(page: Page, caption: str, key: str, column: int = 0) -> dict[str, str]:
    titles, *rows = page.tables[caption]
    (row,) = [row for row in rows if row[column] == key]
    return dict(zip(titles, row, strict=True))


def test_rates_are_those_of_the_table(folders: list[Path], tmp_path: Path) -> None:
    assert report(tmp_path) == 0
    page = read_page(tmp_path)
    stored = json.loads((tmp_path / "results" / "test.json").read_text())["rows"]
    names = []
    for row in stored:
        name = row["method"] + (f"-chunk{row['chunk_size']}" if row["chunk_size"] else "")
        names.append(name)
        shown = cells(page, "WER on test", name, column=1)
        wer = row["wer"]
        assert shown["WER %"] == f"{100 * wer['rate']:.2f}"
        assert shown["95 %"] == f"[{100 * wer['low']:.2f}, {100 * wer['high']:.2f}]"
        assert shown["errors/words"] == f"{wer['errors']}/{wer['reference_tokens']}"
        edits = (wer["insertions"], wer["deletions"], wer["substitutions"])
        assert (shown["ins"], shown["del"], shown["sub"]) == tuple(map(str, edits))
        assert shown["RTF"] == f"{row['rtf']:.4f}"
        chart_words = [f"{name}: {100 * wer['rate']:.2f} [", f"WER % {100 * wer['rate']:.2f}"]
        assert all(words in page.shown for words in chart_words)
    assert names == ["attention-chunk16", "ctc-greedy", "joint+ngram"]
    order = [row[1] for row in page.tables["WER on test"][1:]]
    assert order == ["ctc-greedy", "joint+ngram", "attention-chunk16"]


def test_significance_is_that_of_the_paired_test(folders: list[Path], tmp_path: Path) -> None:
    assert report(tmp_path) == 0
    shown = cells(read_page(tmp_path), "WER on test", "joint+ngram", column=1)
    greedy, joint = (
        score_corpus(read_hypotheses(folder / "hyps.jsonl"), "word") for folder in folders[2:4]
    )
    p_value = compare_corpora(greedy, joint).p_value
    assert p_value is not None
    assert shown["p against the best"] == f"{p_value:.3f}"
    best = cells(read_page(tmp_path), "WER on test", "ctc-greedy", column=1)
    assert best["p against the best"] == "best"


def test_errors_are_of_the_system_that_is_best_on_dev(folders: list[Path], tmp_path: Path) -> None:
    assert report(tmp_path) == 0
    page = read_page(tmp_path)
    headings = [text for text in page.texts if text.startswith("Errors of ")]
    assert headings == ["Errors of conformer/joint+ngram"] * 2  # not greedy, best on test
    # On test: six utterances, "won too" in three, "<u>" for two words in three, "ten" in one.
    confusions = page.tables["Substitutions: 9, of 3 kinds"][1:]
    assert ["one", "won", "3"] in confusions
    assert ["two", "too", "3"] in confusions
    assert [row[1:] for row in confusions if row[1] == "<u>"] == [["<u>", "3"]]
    assert sum(int(row[1]) for row in page.tables["Deletions: 3, of 1 kinds"][1:]) == 3
    assert page.tables["Insertions: 1, of 1 kinds"][1:] == [["ten", "1"]]
    assert "u" not in page.tags()  # what was recognised is text, not markup
    speakers = page.tables["WER on test by speaker, 2 speakers"][1:]
    assert [row[0] for row in speakers] == ["ann", "bob"]
    assert sum(int(row[4].split("/")[0]) for row in speakers) == 13
    lengths = page.tables["WER on test by length in s"][1:]
    assert [(row[0], row[1], row[4]) for row in lengths] == [("1 to 2", "12", "13/108")]
    assert page.shown.count("errors in 9 words") == 6 + 2  # of test and dev


def test_a_system_that_is_asked_for(folders: list[Path], tmp_path: Path) -> None:
    assert report(tmp_path, "--system", "conformer/attention-chunk16", "--worst", "2") == 0
    page = read_page(tmp_path)
    assert "Errors of conformer/attention-chunk16" in page.shown
    assert "conformer/attention-chunk16, whose errors would be shown, has no row" in page.shown
    assert "2 of 9 utterances with errors" in page.shown
    ids = {name for name, _, _ in triples(0)}
    assert [text for text in page.texts if text in ids] == ["bob-0", "ann-1"]  # most errors first


def test_nothing_is_chosen_on_test(
    folders: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "results" / "dev.json").unlink()
    assert report(tmp_path) == 0
    assert "No system was chosen" in read_page(tmp_path).shown
    assert "test: No system was chosen" in capsys.readouterr().out


def test_how_rows_came_about(folders: list[Path], tmp_path: Path) -> None:
    assert report(tmp_path) == 0
    page = read_page(tmp_path)
    made = cells(page, "How each row of test came about", "conformer/ctc-greedy")
    assert made["weights"] == "best-3"
    assert made["options"] == "beam_size 7"
    assert made["commit"] == "0123456789"
    assert made["command"] == "1"
    commands = [text for text in page.texts if text.startswith("asr decode ")]
    assert (
        commands == ["asr decode --method ctc-greedy | tee log"] * 2
    )  # of test and dev, once each


def write_speech(folder: Path) -> tuple[Path, np.ndarray]:
    """Cuts of 1 s within one stereo file; every other one is of the mean of its channels."""
    generator = np.random.default_rng(0)
    samples = generator.integers(-20000, 20000, (8000 * 12, 2)).astype(np.int16)
    soundfile.write(folder / "speech.wav", samples, 8000)
    cuts = []
    for index, (name, _, _) in enumerate(triples(0)):
        path = str(folder / "speech.wav")
        downmix = [Downmix()] if index % 2 else None
        channels = [0] if index % 2 else [0, 1]
        recording = Recording(
            "r", [AudioSource("file", channels, path)], 8000, len(samples), 12.0, transforms=downmix
        )
        cuts.append(MonoCut(name, float(index), 1.0, channels[-1], recording=recording))
    CutSet.from_cuts(cuts).to_file(folder / "cuts.jsonl")
    return folder / "cuts.jsonl", samples.astype(np.int32)


def decode_sound(address: str) -> tuple[np.ndarray, int]:
    encoded = base64.b64decode(address.removeprefix("data:audio/flac;base64,"), validate=True)
    samples, rate = soundfile.read(io.BytesIO(encoded), dtype="int16")
    return samples.astype(np.int32), rate


def test_audio_is_that_of_the_utterances(folders: list[Path], tmp_path: Path) -> None:
    cuts, samples = write_speech(tmp_path)
    assert report(tmp_path, "--cuts", f"test={cuts}", "--cuts", f"dev={cuts}") == 0
    page = read_page(tmp_path)
    sounds = page.sounds()
    assert len(sounds) == 2 + 6
    shown = [text for text in page.texts if text in {name for name, _, _ in triples(0)}]
    for name, address in zip(shown, sounds, strict=True):
        heard, rate = decode_sound(address)
        index = int(name.split("-")[1])
        spoken = samples[8000 * index : 8000 * (index + 1)]
        assert rate == 8000
        if index % 2:
            assert np.abs(heard - spoken.mean(axis=1)).max() <= 0.5
        else:
            assert (heard == spoken[:, 1]).all()
    assert page.tags().count("svg") == 2 * 4 + 8  # charts of two splits, waveforms
    assert "1.0 s" in page.shown


def test_the_cuts_that_were_decoded_are_found(make_decode: MakeDecode, tmp_path: Path) -> None:
    cuts, _ = write_speech(tmp_path)
    folder = make_decode(triples(3), split="dev", cuts=str(cuts))
    assert main(["score", str(folder), "--results-dir", str(tmp_path / "results")]) == 0
    assert report(tmp_path) == 0
    assert len(read_page(tmp_path).sounds()) == 3
    cuts.unlink()
    assert report(tmp_path) == 0
    page = read_page(tmp_path)
    assert not page.sounds()
    assert "cuts.jsonl: the file does not exist; give --cuts SPLIT=FILE" in page.shown


def test_a_stretch_of_media(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.m4a", "alac", 16000, sound(16000, 3))
    clip = read_clip(Segment(str(path), 1.5, 1.0, 0), longest=0.5)
    assert (clip.sampling_rate, clip.is_cut_short) == (16000, True)
    assert np.abs(clip.samples / 2**15 - sound(16000, 3)[24000:32000]).max() < 1e-4


def test_audio_is_cut_short_and_left_out(folders: list[Path], tmp_path: Path) -> None:
    cuts, _ = write_speech(tmp_path)
    options = ["--cuts", f"test={cuts}", "--max-clip-seconds", "0.5"]
    assert report(tmp_path, *options) == 0
    page = read_page(tmp_path)
    assert {len(decode_sound(address)[0]) for address in page.sounds()} == {4000}
    assert "the first 0.5 s of 1.0 s" in page.shown
    # Noise does not compress: about 8 kB each, and half of the room is dev's.
    assert report(tmp_path, *options, "--max-audio-megabytes", "0.034") == 0
    page = read_page(tmp_path)
    assert len(page.sounds()) == 2
    assert page.shown.count("No audio: there is no room for it in the page") == 4
    assert "4 of them come without audio" in page.shown


def test_audio_that_cannot_be_played_is_told(folders: list[Path], tmp_path: Path) -> None:
    cuts, _ = write_speech(tmp_path)
    rows = [json.loads(line) for line in cuts.read_text().splitlines()]
    rows[0]["recording"]["sources"][0]["source"] = "nowhere.wav"
    rows[1]["recording"]["sources"][0].update(type="url")
    rows[2]["recording"]["sources"][0]["source"] = str(tmp_path / "text.wav")
    rows[3]["start"] = 40.0
    rows[4]["type"] = "MixedCut"
    rows[5]["id"] = "another"
    (tmp_path / "text.wav").write_text("no audio")
    cuts.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert report(tmp_path, "--cuts", f"test={cuts}") == 0
    page = read_page(tmp_path)
    assert not page.sounds()
    for why in (
        "the file nowhere.wav does not exist",
        "does not stand in a file of its own",
        "text.wav cannot be read as audio",
        "ends before the utterance",
        "its cut does not name one recording",
        "cuts.jsonl does not hold the utterance",
    ):
        assert f"{why}" in page.shown, why


def test_folders_that_are_gone_or_newer_are_told(
    folders: list[Path], make_decode: MakeDecode, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    shutil.rmtree(folders[3])
    make_decode(triples(1), method="attention", chunk_size=16)
    assert report(tmp_path) == 0
    page = read_page(tmp_path)
    assert cells(page, "WER on test", "joint+ngram", column=1)["p against the best"] == "n/a"
    assert "there is no decode folder" in page.shown
    assert "has been decoded again since it was scored: score it again" in page.shown
    assert "The errors of conformer/joint+ngram are not shown" in page.shown
    assert "test: conformer/joint+ngram: there is no decode folder" in capsys.readouterr().out


def test_hotwords_stand_beside_the_rates(folders: list[Path], tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("one two\n")
    options = [
        "--results-dir",
        str(tmp_path / "results"),
        "--hotwords",
        str(tmp_path / "names.txt"),
    ]
    assert main(["score", str(folders[2]), *options]) == 0
    assert report(tmp_path) == 0
    shown = cells(
        read_page(tmp_path), "Errors on hotwords (B) and all others (U)", "ctc-greedy", column=1
    )
    assert (shown["B errors/words"], shown["U errors/words"]) == ("6/24", "1/84")


def test_splits_without_errors_or_words(make_decode: MakeDecode, tmp_path: Path) -> None:
    silent = make_decode([("a-1", "", "")], split="dev")
    perfect = make_decode([("a-1", "one", "one")], split="test")
    results = ["--results-dir", str(tmp_path / "results")]
    assert main(["score", str(silent), str(perfect), *results]) == 0
    assert report(tmp_path, "--choose-on", "test") == 0
    page = read_page(tmp_path)
    assert page.shown.count("No utterance has an error.") == 2
    assert cells(page, "WER on dev", "ctc-greedy", column=1)["WER %"] == "n/a"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--cuts", "test"], "--cuts takes SPLIT=FILE, not 'test'"),
        (["--cuts", "tst=x"], "--cuts names the split 'tst'. Did you mean 'test'?"),
        (["--cuts", "test=nowhere.jsonl"], "nowhere.jsonl: the file does not exist"),
        (["--system", "conformer/joint"], "Did you mean 'conformer/joint+ngram'?"),
        (["--results-dir", "nowhere"], "nowhere: holds no results"),
        (["--worst", "-1"], "Invalid value for '--worst'"),
    ],
)
def test_one_clear_line_for_each_mistake(
    folders: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    message: str,
) -> None:
    capsys.readouterr()
    assert report(tmp_path, *options) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (tmp_path / "results" / "report.html").exists()


def test_cuts_that_are_none(
    folders: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert report(tmp_path, "--cuts", f"test={folders[0] / 'hyps.jsonl'}") == 2
    assert "is not a file of lhotse cuts" in capsys.readouterr().err


def test_scoring_needs_no_torch() -> None:
    code = "import sys, asr.scoring.report, asr.scoring.results; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_test_set_stands_first(folders: list[Path], tmp_path: Path) -> None:
    assert report(tmp_path) == 0
    page = read_page(tmp_path)
    captions = [name for name in page.tables if name.startswith("WER on ") and " by " not in name]
    assert captions == ["WER on test", "WER on dev"]
    assert [text for text in page.texts if text in ("test", "dev")][:2] == ["test", "dev"]


def test_training_curves_are_those_of_the_metrics(folders: list[Path], tmp_path: Path) -> None:
    rows: list[dict] = [
        {"kind": "train", "step": step, "loss": None if step == 7 else 4.0 / step}
        for step in range(1, 1001)
    ]
    rates = {250: 0.5, 500: 0.125, 750: 0.2}
    rows += [
        {"kind": "dev", "step": step, "loss": 1.0, "wer": rate} for step, rate in rates.items()
    ]
    metrics = tmp_path / "exp" / "conformer" / "metrics.jsonl"
    metrics.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"kind": "dev", "st')
    assert report(tmp_path) == 0
    page = read_page(tmp_path)
    told = "Greedy error rate of conformer on dev while it was trained; the lowest is 12.50 %"
    assert any(text.startswith(f"{told} after step 500") for text in page.texts)
    points = [text for text in page.texts if text.startswith("dev: step ")]
    wanted = [f"dev: step {step}, error rate, % {100 * rate:g}" for step, rate in rates.items()]
    assert points[3:] == wanted
    assert points[:3] == [f"dev: step {step}, loss 1" for step in rates]
    lines = [dict(attributes) for tag, attributes in page.elements if tag == "polyline"]
    sizes = [len((line["points"] or "").split()) for line in lines]
    assert sizes[-3:] == [300, 3, 3]  # 999 losses as means of 300 stretches
    (tmp_path / "exp" / "conformer" / "metrics.jsonl").unlink()
    assert report(tmp_path) == 0
    assert "Training" not in read_page(tmp_path).shown


def test_a_command_is_told_once_and_folded(make_decode: MakeDecode, tmp_path: Path) -> None:
    long = "/somewhere/.venv/bin/asr decode " + " ".join(f"--method m{n}" for n in range(20))
    long += " --ngram 'a file.arpa' --device cpu"
    folders = [make_decode(triples(1), method=name, command=long) for name in ("joint", "wfst")]
    assert main(["score", *map(str, folders), "--results-dir", str(tmp_path / "results")]) == 0
    page = (tmp_path / "results" / "test.md").read_text()
    assert page.count("--method m7 ") == 1
    assert "| joint, wfst " in page
    (block,) = re.findall(r"```\n(asr decode .*?)\n```", page, re.DOTALL)
    assert max(map(len, block.splitlines())) <= 102
    assert shlex.split(block.replace("\\\n", " ")) == ["asr", *shlex.split(long)[1:]]
    assert all(not line.rstrip(" \\").endswith("--method") for line in block.splitlines())
    assert report(tmp_path, "--choose-on", "test") == 0
    assert read_page(tmp_path).shown.count("--method m7 ") == 1
