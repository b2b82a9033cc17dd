from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from lhotse import CutSet

from asr.cli.main import main
from asr.config.features import FbankParams
from asr.signal.audio.files import read_audio
from asr.signal.features.fbank import FbankExtractor, num_frames
from asr.signal.features.loading import load_features
from tests.corpus_files import (
    ROW,
    cut_short,
    prepare,
    read_rows,
    validate,
    write_noise,
    write_table,
)

USABLE = ("good", "cd_stereo", "flac_inside", "opus", "sphere")


def write_faulty_corpus(folder: Path) -> Path:
    """One utterance for every fault, and five that are usable; returns the table."""
    wav = folder / "wav"
    write_noise(wav / "good.wav")
    write_noise(wav / "cd_stereo.wav", rate=44100, channels=2)
    write_noise(wav / "flac_inside.wav", format="FLAC")
    write_noise(wav / "opus.ogg", rate=48000, format="OGG", subtype="OPUS")
    write_noise(wav / "sphere.sph", format="NIST")
    cut_short(write_noise(wav / "truncated_wav.wav"), 0.6)
    cut_short(write_noise(wav / "truncated_flac.flac", seconds=10.0), 0.6)
    soundfile.write(wav / "zero_length.wav", np.zeros(0), 16000)
    (wav / "empty.wav").write_bytes(b"")
    (wav / "garbage.wav").write_bytes(b"no audio " * 100)
    noise = np.random.default_rng(0).normal(0, 0.1, 16000)
    noise[5000] = np.nan
    soundfile.write(wav / "nan.wav", noise, 16000, subtype="FLOAT")
    soundfile.write(wav / "silent.wav", np.zeros(16000), 16000)
    write_noise(wav / "short.wav", seconds=0.05)
    write_noise(wav / "long.wav", seconds=3.0)
    write_noise(wav / "no_text.wav")
    write_noise(wav / "no_row.wav")
    paths = [path for path in wav.iterdir() if path.stem != "no_row"] + [wav / "absent.wav"]
    rows = [{**ROW, "id": path.stem, "path": str(path)} for path in sorted(paths)]
    rows = [{**row, "text": " \t"} if row["id"] == "no_text" else row for row in rows]
    return write_table(folder / "train.jsonl", *rows)


def load_cuts(data: Path) -> CutSet:
    return CutSet.from_jsonl(data / "train" / "cuts.jsonl")


def reasons(data: Path) -> dict[str | None, str]:
    return {row["id"]: row["reason"] for row in read_rows(data / "train" / "rejected.jsonl")}


def run(table: Path, data: Path, *options: str) -> int:
    return prepare(table, data / "manifests") or validate(data / "manifests", data, *options)


def test_every_fault_is_set_aside_and_the_rest_is_usable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = write_faulty_corpus(tmp_path)
    data = tmp_path / "data"
    assert prepare(table, data / "manifests", "--audio-dir", str(tmp_path / "wav")) == 0
    assert validate(data / "manifests", data, "--max-duration", "2.5") == 0
    assert reasons(data) == {
        "truncated_wav": "truncated-audio",
        "truncated_flac": "truncated-audio",
        "zero_length": "empty-audio",
        "empty": "unreadable-audio",
        "garbage": "unreadable-audio",
        "nan": "non-finite-audio",
        "silent": "silent-audio",
        "short": "too-short",
        "long": "too-long",
        "no_text": "empty-transcript",
        "absent": "missing-audio",
        None: "missing-transcript",
    }
    cuts = load_cuts(data)
    assert [cut.id for cut in cuts] == sorted(USABLE)
    extractor = FbankExtractor(FbankParams())
    for cut in cuts:
        samples = cut.load_audio()
        assert samples.dtype == np.float32
        assert samples.shape == (1, cut.num_samples) == (1, 16000)
        for version in (cut, cut.perturb_speed(0.9), cut.perturb_speed(1.1)):
            features = load_features(version, extractor)
            assert features.shape == (num_frames(version.num_samples, extractor.params), 80)
    report = json.loads((data / "train" / "validation.json").read_text())
    assert (report["kept"], report["rejected"]) == (5, 12)
    assert report["reasons"]["truncated-audio"] == 2
    assert report["examples"]["too-long"][0]["id"] == "long"
    assert report["files_by_sampling_rate"]["44100"] == 1
    assert report["files_by_channels"]["2"] == 1
    assert report["duration_quantiles"]["0.5"] == 1.0
    assert "2 truncated-audio, for example truncated_flac (" in capsys.readouterr().out


def test_cut_audio_is_what_recognition_would_read(tmp_path: Path) -> None:
    path = write_noise(tmp_path / "wav" / "u1.wav", rate=44100, channels=2)
    assert run(write_table(tmp_path / "t.jsonl", ROW), tmp_path / "data") == 0
    (cut,) = load_cuts(tmp_path / "data")
    assert np.abs(cut.load_audio()[0] - read_audio(path, 16000)).max() < 1e-5


def test_sampling_rate_comes_from_the_conf(tmp_path: Path) -> None:
    write_noise(tmp_path / "wav" / "u1.wav")
    conf = tmp_path / "conf.yaml"
    conf.write_text("features_params: {sampling_rate: 16000}\n")
    options = ("--config", str(conf), "--set", "features_params.sampling_rate=8000")
    assert run(write_table(tmp_path / "t.jsonl", ROW), tmp_path / "data", *options) == 0
    (cut,) = load_cuts(tmp_path / "data")
    assert cut.load_audio().shape == (1, 8000)


def test_segments_of_one_recording_are_judged_one_by_one(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, 40 * 11025).astype(np.float32)
    samples[10 * 11025 : 20 * 11025] = 0.0
    samples[25 * 11025] = np.inf
    (tmp_path / "wav").mkdir()
    soundfile.write(tmp_path / "wav" / "u1.wav", samples, 11025, subtype="FLOAT")
    spans = {
        "first": (0.0, 5.0),
        "silent": (11.0, 8.0),
        "half-silent": (8.0, 8.0),
        "infinite": (24.5, 1.0),
        "overshooting": (39.0, 1.2),
        "outside": (39.0, 2.0),
        "beyond": (50.0, 2.0),
        "negative": (-1.0, 2.0),
        "backwards": (5.0, -2.0),
    }
    rows = [
        {**ROW, "id": name, "start": start, "duration": duration}
        for name, (start, duration) in spans.items()
    ]
    data = tmp_path / "data"
    assert run(write_table(tmp_path / "t.jsonl", *rows), data) == 0
    assert reasons(data) == {
        "silent": "silent-audio",
        "infinite": "non-finite-audio",
        "outside": "segment-outside-recording",
        "beyond": "segment-outside-recording",
        "negative": "segment-outside-recording",
        "backwards": "segment-outside-recording",
    }
    cuts = {cut.id: cut for cut in load_cuts(data)}
    assert {name: cut.duration for name, cut in cuts.items()} == {
        "first": 5.0,
        "half-silent": 8.0,
        "overshooting": 1.0,
    }
    assert all(cut.load_audio().shape == (1, cut.num_samples) for cut in cuts.values())
    assert not cuts["half-silent"].load_audio()[0, 3 * 16000 :].any()


def test_segments_before_the_cut_of_a_truncated_file_are_usable(tmp_path: Path) -> None:
    cut_short(write_noise(tmp_path / "wav" / "u1.flac", seconds=60.0), 0.5)
    rows = [
        {**ROW, "id": name, "path": "wav/u1.flac", "start": start, "duration": 5.0}
        for name, start in (("early", 1.0), ("late", 50.0))
    ]
    assert run(write_table(tmp_path / "t.jsonl", *rows), tmp_path / "data") == 0
    assert reasons(tmp_path / "data") == {"late": "truncated-audio"}


def test_spaces_in_transcripts(tmp_path: Path) -> None:
    write_noise(tmp_path / "wav" / "u1.wav")
    table = write_table(tmp_path / "t.jsonl", {**ROW, "text": "  我们  love\t你 "})
    assert run(table, tmp_path / "data") == 0
    (cut,) = load_cuts(tmp_path / "data")
    assert cut.supervisions[0].text == "我们 love 你"


def test_one_channel_of_a_call_stays_one_channel(tmp_path: Path) -> None:
    channels = np.random.default_rng(0).normal(0, 0.1, (16000, 2)).astype(np.float32)
    channels[:, 0] = 0.0
    (tmp_path / "wav").mkdir()
    soundfile.write(tmp_path / "wav" / "u1.wav", channels, 16000, subtype="FLOAT")
    data = tmp_path / "data"
    assert prepare(write_table(tmp_path / "t.jsonl", ROW), data / "manifests") == 0
    path = data / "manifests" / "supervisions_train.jsonl"
    (row,) = read_rows(path)
    assert row["channel"] == [0, 1]
    write_table(path, *({**row, "id": f"side-{side}", "channel": side} for side in range(3)))
    assert validate(data / "manifests", data) == 0
    assert reasons(data) == {"side-0": "silent-audio", "side-2": "channel-outside-recording"}
    (cut,) = load_cuts(data)
    assert np.array_equal(cut.load_audio()[0], channels[:, 1])


def test_manifests_from_elsewhere(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for name in ("a", "b", "c"):
        write_noise(tmp_path / "wav" / f"{name}.wav")
    rows = [{**ROW, "id": name, "path": f"wav/{name}.wav"} for name in ("a", "b", "c")]
    assert prepare(write_table(tmp_path / "t.jsonl", *rows), data / "manifests") == 0
    (data / "manifests" / "rejected_train.jsonl").unlink()
    path = data / "manifests" / "supervisions_train.jsonl"
    first, second, _ = read_rows(path)
    stranger = {**second, "id": "stranger", "recording_id": "nowhere"}
    write_table(path, first, {**second, "id": "a"}, second, stranger)
    (tmp_path / "wav" / "b.wav").unlink()
    assert validate(data / "manifests", data) == 0
    rejected = read_rows(data / "train" / "rejected.jsonl")
    assert [(row["id"], row["reason"]) for row in rejected] == [
        (None, "missing-transcript"),
        ("a", "duplicate-id"),
        ("b", "missing-audio"),
        ("stranger", "missing-audio"),
    ]


def test_a_file_that_changed_after_prepare_is_noticed(tmp_path: Path) -> None:
    rows = [{**ROW, "id": name, "path": f"wav/{name}.wav"} for name in ("a", "b")]
    for name in ("a", "b"):
        write_noise(tmp_path / "wav" / f"{name}.wav")
    data = tmp_path / "data"
    assert run(write_table(tmp_path / "t.jsonl", *rows), data) == 0
    write_noise(tmp_path / "wav" / "b.wav", seconds=2.0)
    assert validate(data / "manifests", data) == 0
    assert reasons(data) == {"b": "changed-audio"}


def test_files_are_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = write_faulty_corpus(tmp_path)
    data = tmp_path / "data"
    assert run(table, data, "--num-jobs", "1") == 0
    outputs = {path: path.read_bytes() for path in (data / "train").iterdir()}

    def refuse(*_: Any) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr("asr.corpora.validation.audio_checks.check_audio", refuse)
    assert validate(data / "manifests", data, "--num-jobs", "2") == 0
    assert {path: path.read_bytes() for path in (data / "train").iterdir()} == outputs
    write_noise(tmp_path / "wav" / "good.wav", subtype="FLOAT")
    with pytest.raises(AssertionError, match="decoded again"):
        validate(data / "manifests", data)


def test_results_do_not_depend_on_the_number_of_jobs(tmp_path: Path) -> None:
    table = write_faulty_corpus(tmp_path)
    for jobs in ("1", "3"):
        assert run(table, tmp_path / jobs, "--num-jobs", jobs) == 0
    for name in ("cuts.jsonl", "rejected.jsonl", "validation.json", "audio_checks.jsonl"):
        one, three = (tmp_path / jobs / "train" / name for jobs in ("1", "3"))
        assert one.read_bytes() == three.read_bytes()


def test_nothing_usable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "wav").mkdir()
    soundfile.write(tmp_path / "wav" / "u1.wav", np.zeros(16000), 16000)
    data = tmp_path / "data"
    assert run(write_table(tmp_path / "t.jsonl", ROW), data) == 2
    error = capsys.readouterr().err
    assert f"{data / 'train' / 'rejected.jsonl'}: no utterance is usable" in error
    assert "1 of 1 are silent-audio" in error
    assert "Traceback" not in error
    assert not (data / "train" / "cuts.jsonl").exists()


def test_too_large_a_share_rejected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    assert run(write_faulty_corpus(tmp_path), data, "--max-rejected-share", "0.5") == 2
    assert "of the utterances are rejected" in capsys.readouterr().err
    assert reasons(data)
    assert not (data / "train" / "cuts.jsonl").exists()


def test_mistakes_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert validate(tmp_path, tmp_path) == 2
    assert "Run `asr prepare` first" in capsys.readouterr().err
    assert validate(tmp_path, tmp_path, "--set", "a=b") == 2
    assert validate(tmp_path, tmp_path, "--num-jobs", "0") == 2
    assert main(["validate"]) == 2
    for kind in ("recordings", "supervisions"):
        write_table(tmp_path / f"{kind}_train.jsonl", {"nothing": "of the kind"})
    capsys.readouterr()
    assert validate(tmp_path, tmp_path) == 2
    assert "is not a manifest of Recordings" in capsys.readouterr().err
