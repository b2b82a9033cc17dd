"""Every kind of fault at once: exactly what was planted is found, each under its own reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lhotse import CutSet

from asr.corpora.faults.reasons import ACROSS_SPLITS, REJECTED, UNUSABLE, WARNED, Reason
from tests.corpora.validation import faulty_corpus
from tests.corpora.validation.faulty_corpus import FaultyCorpus, found
from tests.corpus_files import ROW, prepare, read_rows, validate, write_noise, write_table

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> FaultyCorpus:
    return FaultyCorpus(tmp_path_factory.mktemp("faulty"))


def run(corpus: FaultyCorpus, name: str, *options: str) -> Path:
    """Validate with the corpus' conf and tokenizer; returns the split's folder."""
    arguments = ("--config", str(corpus.conf), "--tokenizer", str(corpus.tokenizer), *options)
    assert validate(corpus.manifests, corpus.data / name, *arguments) == 0
    return corpus.data / name / "train"


def test_exactly_the_planted_faults(
    corpus: FaultyCorpus, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run(corpus, "all")
    expected = [*faulty_corpus.REJECTED.items(), (None, faulty_corpus.UNNAMED)]
    assert sorted(found(folder / "rejected.jsonl"), key=str) == sorted(expected, key=str)
    assert found(folder / "warnings.jsonl") == sorted(faulty_corpus.WARNED.items())
    kept = {cut.id for cut in CutSet.from_jsonl(folder / "cuts.jsonl")}
    good = {f"good {index:03d}" for index in range(faulty_corpus.NUM_GOOD)}
    assert kept == good | faulty_corpus.WARNED.keys() | {"talk a", "talk c", "twice"}
    printed = capsys.readouterr().out
    for reason in {*faulty_corpus.REJECTED.values(), *faulty_corpus.WARNED.values()}:
        assert f" {reason}, for example " in printed


def test_every_reason_is_planted() -> None:
    planted = {*faulty_corpus.REJECTED.values(), *faulty_corpus.WARNED.values()}
    assert planted == {reason.value for reason in set(Reason) - ACROSS_SPLITS}
    assert {Reason(name) for name in faulty_corpus.REJECTED.values()} == UNUSABLE | REJECTED
    assert {Reason(name) for name in faulty_corpus.WARNED.values()} == WARNED


def test_reject_and_keep(corpus: FaultyCorpus) -> None:
    options = ("--keep", "too-long", "--keep", "silent-audio", "--reject", "duplicate-audio")
    folder = run(corpus, "other", *options, "--reject", "overlapping-segments")
    everything = {**faulty_corpus.REJECTED, **faulty_corpus.WARNED}
    newly_kept = {"long", "zeros", "whisper of a converter"}
    kept = (faulty_corpus.WARNED.keys() | newly_kept) - {"the copy", "talk d", "talk b"}
    # What is kept meets the rules that follow.
    expected = {(name, everything[name]) for name in kept} | {("long", "too-little-text")}
    assert found(folder / "warnings.jsonl") == sorted(expected)
    assert dict(found(folder / "rejected.jsonl")) == {None: faulty_corpus.UNNAMED} | {
        name: reason for name, reason in everything.items() if name not in kept
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--keep", "missing-audio"), "missing-audio cannot be kept"),
        (("--reject", "cliped-audio"), "Did you mean 'clipped-audio'?"),
        (("--reject", "shared-speaker"), "no reason 'shared-speaker'"),
        (("--keep", "too-long", "--reject", "too-long"), "also given to --reject"),
        (("--tokenizer", "lang"), "--tokenizer needs the model's conf file"),
    ],
)
def test_mistakes_in_reasons(
    tmp_path: Path, options: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert validate(tmp_path, tmp_path, *options) == 2
    assert message in capsys.readouterr().err


def test_without_audio_texts_and_durations_are_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = []
    for name, seconds, text in (("fine", 2.0, "yes"), ("long", 9.0, "yes it is long")):
        write_noise(tmp_path / f"{name}.wav", seconds)
        rows.append({**ROW, "id": name, "path": f"{name}.wav", "text": text})
    rows.append({**rows[0], "id": "fast", "text": "yes " * 50})
    rows.append({**rows[0], "id": "again"})
    data = tmp_path / "data"
    assert prepare(write_table(tmp_path / "t.jsonl", *rows), data / "manifests") == 0
    for path in tmp_path.glob("*.wav"):
        path.unlink()
    monkeypatch.setattr("asr.corpora.validation.audio_checks.open_audio", None)
    assert validate(data / "manifests", data, "--no-audio", "--max-duration", "5") == 0
    assert found(data / "train" / "rejected.jsonl") == [
        ("fast", "too-short-for-its-text"),
        ("long", "too-long"),
    ]
    assert found(data / "train" / "warnings.jsonl") == [("fine", "duplicate-audio")]
    assert [row["id"] for row in read_rows(data / "train" / "cuts.jsonl")] == ["again", "fine"]


def test_the_documented_reasons_are_those_of_the_code() -> None:
    page = (ROOT / "docs" / "validation.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `([a-z-]+)` \| ([a-z ]+) \|", page, re.MULTILINE)
    actions = {UNUSABLE: "always set aside", REJECTED: "set aside", WARNED: "warning"}
    expected = [
        (reason.value, action)
        for reasons, action in (*actions.items(), (ACROSS_SPLITS, "warning"))
        for reason in Reason
        if reason in reasons
    ]
    assert sorted(documented) == sorted(expected)
