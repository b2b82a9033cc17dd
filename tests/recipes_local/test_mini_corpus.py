"""The synthetic corpus of egs/mini: what it holds, and that only the options decide its bytes."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from asr.files import read_json, read_jsonl
from asr.signal.synthesis.espeak import EspeakSynthesiser

pytest.importorskip("espeakng_loader")

LOCAL = Path(__file__).parents[2] / "egs" / "mini" / "local"
SCRIPT = LOCAL / "synthesise.py"
MINUTES = {"train": 0.6, "dev": 0.15, "test": 0.25}
SMALL = [word for split in MINUTES for word in (f"--{split}-minutes", str(MINUTES[split]))]


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory, run_script) -> dict[str, Path]:
    """Return a small corpus a language."""
    folder = tmp_path_factory.mktemp("mini")
    for language in ("en", "cmn"):
        result = run_script(
            SCRIPT,
            "--output-dir",
            folder / language,
            "--language",
            language,
            "--num-jobs",
            1,
            *SMALL,
        )
        assert result.returncode == 0, result.stderr
        assert "of the test sentences occur in train" in result.stdout
    return {language: folder / language for language in ("en", "cmn")}


def rows(corpus: Path, split: str) -> list[dict]:
    return list(read_jsonl(corpus / f"{split}.jsonl"))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("language", ["en", "cmn"])
def test_tables_and_audio(corpora: dict[str, Path], language: str) -> None:
    corpus = corpora[language]
    ids = []
    for split, minutes in MINUTES.items():
        seconds = 0.0
        for row in rows(corpus, split):
            assert set(row) == {"id", "path", "text", "speaker", "language"}
            assert row["language"] == language
            assert row["path"] == f"wav/{split}/{row['speaker']}/{row['id']}.wav"
            info = soundfile.info(corpus / row["path"])
            assert (info.samplerate, info.channels, info.subtype) == (16000, 1, "PCM_16")
            assert 0.8 < info.duration < 10
            seconds += info.duration
            ids.append(row["id"])
        assert 60 * minutes <= seconds < 60 * minutes + 10
    assert len(ids) == len(set(ids))
    assert len(list(corpus.rglob("*.wav"))) == len(ids)


@pytest.mark.parametrize("language", ["en", "cmn"])
def test_speech_is_sane(corpora: dict[str, Path], language: str) -> None:
    for row in rows(corpora[language], "train"):
        samples, rate = soundfile.read(corpora[language] / row["path"])
        assert 0.09 < np.abs(samples).max() < 0.91, row  # neither clipped nor empty
        loud = np.flatnonzero(np.abs(samples) > 0.02)
        lead, speech, tail = loud[0] / rate, np.ptp(loud) / rate, (len(samples) - loud[-1]) / rate
        assert 0.09 < lead < 0.5 and 0.09 < tail < 0.5, row
        tokens = row["text"].split() if language == "en" else row["text"]
        assert 0.12 < speech / len(tokens) < 0.6, row
        assert np.abs(np.diff(samples[: rate // 20])).max() > 0  # a faint hiss, not digital silence


def test_english_text(corpora: dict[str, Path]) -> None:
    texts = [row["text"] for row in rows(corpora["en"], "train")]
    assert all(word.isascii() and word.islower() for text in texts for word in text.split())
    assert all(text == " ".join(text.split()) for text in texts)


def test_mandarin_text(corpora: dict[str, Path]) -> None:
    texts = [row["text"] for row in rows(corpora["cmn"], "train")]
    assert all("\u4e00" <= character <= "\u9fff" for text in texts for character in text)


def test_summary_counts_the_tables(corpora: dict[str, Path]) -> None:
    summary = read_json(corpora["en"] / "corpus.json")
    texts = {split: [row["text"] for row in rows(corpora["en"], split)] for split in MINUTES}
    for split, counts in summary["splits"].items():
        assert counts["utterances"] == len(texts[split])
        assert counts["hours"] == pytest.approx(MINUTES[split] / 60, rel=0.3)
    words = {word for split in texts.values() for text in split for word in text.split()}
    assert summary["distinct_words"] == len(words)
    repeated = [text for text in texts["test"] if text in texts["train"]]
    assert summary["test_sentences_in_train"] == pytest.approx(
        len(repeated) / len(texts["test"]), abs=1e-4
    )


def test_no_variant_is_in_two_splits(corpora: dict[str, Path]) -> None:
    heard = {
        split: {row["speaker"].rsplit("-", 2)[1] for row in rows(corpora["en"], split)}
        for split in MINUTES
    }
    assert all(heard.values())
    assert not heard["train"] & heard["dev"]
    assert not (heard["train"] | heard["dev"]) & heard["test"]


def test_voices_and_grammars() -> None:
    espeak = EspeakSynthesiser()
    voices = yaml.safe_load((LOCAL / "voices.yaml").read_text(encoding="utf-8"))
    variants = [variant for split in MINUTES for variant in voices[split]]
    assert len(variants) == len(set(variants))
    assert set(variants) <= set(espeak.variants())
    for language in ("en", "cmn"):
        grammar = yaml.safe_load((LOCAL / f"grammar_{language}.yaml").read_text(encoding="utf-8"))
        assert set(grammar["accents"]) <= set(espeak.voices())
        entries = [
            *grammar["sentences"],
            *(text for of in grammar["lists"].values() for text in of),
        ]
        assert all(isinstance(text, str) for text in entries)  # unquoted, `on` means true


def test_same_bytes_for_any_number_of_jobs(
    corpora: dict[str, Path], tmp_path: Path, run_script
) -> None:
    result = run_script(SCRIPT, "--output-dir", tmp_path, "--num-jobs", 2, *SMALL)
    assert result.returncode == 0, result.stderr
    assert contents(tmp_path) == contents(corpora["en"])


def test_seed_decides(corpora: dict[str, Path], tmp_path: Path, run_script) -> None:
    result = run_script(SCRIPT, "--output-dir", tmp_path, "--seed", 1, "--num-jobs", 1, *SMALL)
    assert result.returncode == 0, result.stderr
    assert [row["text"] for row in rows(tmp_path, "train")] != [
        row["text"] for row in rows(corpora["en"], "train")
    ]


def test_killed_run_leaves_no_table(corpora: dict[str, Path], tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    shutil.copytree(corpora["en"], corpus)
    num_wavs = len(list(corpus.rglob("*.wav")))
    command = [sys.executable, SCRIPT, "--output-dir", corpus, "--num-jobs", "1", "--seed", "1"]
    process = subprocess.Popen(command)
    try:
        while len(list(corpus.rglob("*.wav"))) == num_wavs:
            assert process.poll() is None
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not list(corpus.glob("*.json*"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--train-minutes", "0"], "--train-minutes: 0.0 is not above 0"),
        (["--num-jobs", "-1"], "--num-jobs: -1 is not above 0"),
    ],
)
def test_wrong_number(
    tmp_path: Path, fails_with_one_line, arguments: list[str], expected: str
) -> None:
    assert expected in fails_with_one_line(SCRIPT, "--output-dir", tmp_path / "out", *arguments)
    assert not (tmp_path / "out").exists()


def test_output_dir_is_a_file(tmp_path: Path, fails_with_one_line) -> None:
    (tmp_path / "file").write_text("mine")
    assert "is not a folder" in fails_with_one_line(SCRIPT, "--output-dir", tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_grammar_names_a_missing_list(tmp_path: Path, fails_with_one_line) -> None:
    local = tmp_path / "local"
    shutil.copytree(LOCAL, local, ignore=shutil.ignore_patterns("__pycache__"))
    grammar = local / "grammar_en.yaml"
    grammar.write_text(grammar.read_text(encoding="utf-8").replace("{room}", "{rooms}"))
    message = fails_with_one_line(local / "synthesise.py", "--output-dir", tmp_path / "out")
    assert "no list 'rooms'. Did you mean 'room'?" in message


def test_tables_are_json_lines_in_utf8(corpora: dict[str, Path]) -> None:
    first = (corpora["cmn"] / "train.jsonl").read_text(encoding="utf-8").splitlines()[0]
    assert json.loads(first)["text"] in first  # characters as they are, not escaped
