"""Shards: what goes in comes out, from any executor, after any interruption; or it is told."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from distributed import LocalCluster
from lhotse import CutSet

from asr.cli.main import main
from asr.config.features import FbankParams
from asr.errors import UserError
from asr.feeding.cuts import describe_cuts, load_cuts, load_training_cuts
from asr.feeding.shards.manifest import read_dataset
from asr.files import read_json, read_jsonl, write_jsonl
from asr.signal.features.fbank import FbankExtractor
from asr.signal.features.loading import load_features
from tests.disks import tmpfs
from tests.tone_corpus import ToneCorpus

FBANK = FbankParams(num_mel_bins=24, sampling_rate=8000)


def create(corpus: ToneCorpus, output: Path, *options: str) -> int:
    arguments = ["create-dataset", "--cuts", str(corpus.train_cuts), "--output-dir", str(output)]
    arguments += ["--config", str(corpus.conf), "--shard-size", "16", "--num-jobs", "1"]
    return main([*arguments, *options])


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file of a dataset, by its path within."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def shards(tone_corpus: ToneCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty utterances with features in four shards; not to be changed."""
    folder = tmp_path_factory.mktemp("shards") / "data"
    assert create(tone_corpus, folder, "--features") == 0
    return folder


@pytest.fixture
def copy(shards: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shards, tmp_path / "copy"))


@pytest.mark.parametrize("audio", ["flac", "wav"])
def test_audio_text_and_features_come_back(
    tone_corpus: ToneCorpus, tmp_path: Path, audio: str
) -> None:
    folder = tmp_path / "data"
    assert create(tone_corpus, folder, "--features", "--audio", audio) == 0
    originals = {cut.id: cut for cut in load_cuts(tone_corpus.train_cuts)}
    extractor = FbankExtractor(FBANK)
    cuts = load_cuts(folder)
    assert {cut.id for cut in cuts} == originals.keys()
    assert [cut.id for cut in cuts] != sorted(originals)  # shuffled
    for cut in cuts:
        original = originals[cut.id]
        assert np.array_equal(cut.load_audio(), original.load_audio())
        assert cut.supervisions[0].to_dict() == original.supervisions[0].to_dict()
        expected = load_features(original, extractor)
        assert cut.has_features
        assert (load_features(cut, extractor) - expected).abs().max() < 0.005
        part = cut.truncate(offset=0.1, duration=0.2).load_features()
        assert np.array_equal(part, load_features(cut, extractor)[10:30].numpy())


def test_lhotse_reads_the_shards_by_itself(tone_corpus: ToneCorpus, shards: Path) -> None:
    originals = {cut.id: cut for cut in load_cuts(tone_corpus.train_cuts)}
    cuts = list(CutSet.from_shar(in_dir=shards / "shards"))
    assert {cut.id for cut in cuts} == originals.keys()
    for cut in cuts:
        assert np.array_equal(cut.load_audio(), originals[cut.id].load_audio())
        assert cut.load_features().shape == (
            FbankExtractor(FBANK).extract(cut.load_audio()[0]).shape
        )


def test_segments_at_other_rates_and_speeds(tone_corpus: ToneCorpus, tmp_path: Path) -> None:
    """Shards hold what the cut is: a resampled part of a recording, at each speed."""
    cuts = [cut.resample(16000) for cut in load_cuts(tone_corpus.train_cuts)[:3]]
    cuts = [cut.truncate(offset=0.1, duration=0.25, preserve_id=True) for cut in cuts]
    write_jsonl(tmp_path / "cuts.jsonl", (cut.to_dict() for cut in cuts))
    speed = "augmentation.speed_perturb={factors: [0.9, 1.0]}"
    options = ("--speed-copies", "--set", speed, "--cuts", str(tmp_path / "cuts.jsonl"))
    assert create(tone_corpus, tmp_path / "data", *options) == 0
    stored = {cut.id: cut for cut in load_cuts(tmp_path / "data")}
    assert len(stored) == 6
    for cut in cuts:
        for expected in (cut, cut.perturb_speed(0.9)):
            found = stored[expected.id]
            assert found.custom["source_id"] == cut.id
            assert (found.sampling_rate, found.num_samples) == (16000, expected.num_samples)
            assert np.abs(found.load_audio() - expected.load_audio()).max() < 2**-15


def test_augmented_once_and_seeded(tone_corpus: ToneCorpus, tmp_path: Path) -> None:
    babble = "augmentation.babble={min_snr_db: 10.0, max_snr_db: 10.0, probability: 1.0}"

    def audio(name: str, *options: str) -> dict[str, np.ndarray]:
        asked = ("--augment", "--set", babble, "--shard-size", "16", *options)
        assert create(tone_corpus, tmp_path / name, *asked) == 0
        return {cut.id: cut.load_audio()[0] for cut in load_cuts(tmp_path / name)}

    first, again = audio("a"), audio("b", "--num-jobs", "2")
    other = audio("c", "--seed", "1")
    for cut in load_cuts(tone_corpus.train_cuts)[:5]:
        speech = cut.load_audio()[0]
        noise = first[cut.id] - speech
        assert 10 * np.log10(np.mean(speech**2) / np.mean(noise**2)) == pytest.approx(10, abs=0.5)
        assert np.array_equal(first[cut.id], again[cut.id])
        assert not np.array_equal(first[cut.id], other[cut.id])


def test_augment_needs_a_conf_that_changes_samples(
    tone_corpus: ToneCorpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert create(tone_corpus, tmp_path / "data", "--augment") == 2
    assert "--augment needs a conf whose augmentation changes samples" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_two_jobs_make_the_same_bytes(
    tone_corpus: ToneCorpus, shards: Path, tmp_path: Path
) -> None:
    assert create(tone_corpus, tmp_path / "two", "--features", "--num-jobs", "2") == 0
    assert contents(tmp_path / "two") == contents(shards)


def test_a_dask_cluster_makes_the_same_bytes(
    tone_corpus: ToneCorpus, shards: Path, tmp_path: Path
) -> None:
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        dask = ("--dask", cluster.scheduler_address)
        assert create(tone_corpus, tmp_path / "dask", "--features", *dask) == 0
    assert contents(tmp_path / "dask") == contents(shards)


@pytest.mark.parametrize("num_jobs", ["1", "2"])
def test_a_killed_run_goes_on(
    tone_corpus: ToneCorpus, shards: Path, tmp_path: Path, num_jobs: str
) -> None:
    folder = tmp_path / "data"
    command = [sys.executable, "-m", "asr", "create-dataset", "--config", str(tone_corpus.conf),
               "--cuts", str(tone_corpus.train_cuts), "--output-dir", str(folder), "--features",
               "--shard-size", "16", "--num-jobs", num_jobs]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (folder / "parts").exists() and process.poll() is None:
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (folder / "dataset.json").exists()
    before = {p: p.stat().st_mtime_ns for p in (folder / "shards").glob("cuts*")}
    time.sleep(1.5 if num_jobs == "2" else 0.0)  # its processes end by themselves
    assert create(tone_corpus, folder, "--features") == 0
    assert contents(folder) == contents(shards)
    reported = len(list((folder / "parts").iterdir()))
    assert reported == 4
    kept = [p for p, when in before.items() if p.stat().st_mtime_ns == when]
    assert len(kept) >= len(before) - 2  # one at most a process had files and no report yet


def test_only_what_is_missing_is_made(
    copy: Path, tone_corpus: ToneCorpus, shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copy / "shards" / "features.000002.tar").unlink()
    (copy / "dataset.json").unlink()
    capsys.readouterr()
    assert create(tone_corpus, copy, "--features") == 0
    assert "1 of 4 shards to make: 16 utterances" in capsys.readouterr().out
    assert contents(copy) == contents(shards)
    assert create(tone_corpus, copy, "--features") == 0
    assert "0 of 4 shards to make" in capsys.readouterr().out


def test_bad_utterances_are_set_aside(tone_corpus: ToneCorpus, tmp_path: Path) -> None:
    rows = list(read_jsonl(tone_corpus.train_cuts))[:8]
    rows[0]["recording"]["sources"][0]["source"] = str(tmp_path / "gone.wav")
    noise = tmp_path / "noise.wav"
    noise.write_bytes(b"no audio at all")
    rows[1]["recording"]["sources"][0]["source"] = str(noise)
    rows[2]["supervisions"][0]["text"] = " "
    soundfile.write(tmp_path / "nan.wav", np.full(9000, np.nan), 8000, subtype="FLOAT")
    rows[3]["recording"] |= {"num_samples": 9000, "duration": 1.125}
    rows[3]["recording"]["sources"][0]["source"] = str(tmp_path / "nan.wav")
    rows[3] |= {"duration": 1.125}
    write_jsonl(tmp_path / "cuts.jsonl", rows)
    folder = tmp_path / "data"
    assert create(tone_corpus, folder, "--cuts", str(tmp_path / "cuts.jsonl")) == 0
    reasons = {row["id"]: row["reason"] for row in read_jsonl(folder / "rejected.jsonl")}
    assert reasons == {
        rows[0]["id"]: "missing-audio",
        rows[1]["id"]: "unreadable-audio",
        rows[2]["id"]: "empty-transcript",
        rows[3]["id"]: "non-finite-audio",
    }
    assert {cut.id for cut in load_cuts(folder)} == {row["id"] for row in rows[4:]}
    assert read_json(folder / "dataset.json")["rejected"] == 4


def test_a_corpus_that_is_all_bad(
    tone_corpus: ToneCorpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (row, *_) = read_jsonl(tone_corpus.train_cuts)
    row["supervisions"][0]["text"] = ""
    write_jsonl(tmp_path / "cuts.jsonl", [row])
    assert create(tone_corpus, tmp_path / "data", "--cuts", str(tmp_path / "cuts.jsonl")) == 2
    assert "no utterance is usable" in capsys.readouterr().err
    assert not (tmp_path / "data" / "dataset.json").exists()


def test_mistakes(
    tone_corpus: ToneCorpus,
    copy: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("asr.feeding.shards.executors._SECONDS_TO_CONNECT", 0.5)
    (tmp_path / "bad.jsonl").write_text('{"id": "u"}\n')
    for output, options, part in (
        (tmp_path / "x", ["--cuts", str(tmp_path / "absent")], "the cuts file does not exist"),
        (tmp_path / "x", ["--cuts", str(tmp_path / "bad.jsonl")], "bad.jsonl:1: is not a cut"),
        (tmp_path / "x", ["--audio", "none"], "neither audio nor features"),
        (tmp_path / "x", ["--speed-copies"], "augmentation.speed_perturb"),
        (tmp_path / "x", ["--features", "--set", "features_params.sampling_rate=16000"], "8000 Hz"),
        (tmp_path / "x", ["--dask", "tcp://127.0.0.1:9"], "no Dask scheduler answers"),
        (copy, ["--features", "--seed", "1"], "another dataset is here (seed)"),
        (copy, [], "another dataset is here (features)"),
    ):
        capsys.readouterr()
        assert create(tone_corpus, output, *options) == 2, options
        told = capsys.readouterr().err.splitlines()
        assert part in told[-1]
        assert not (tmp_path / "x" / "dataset.json").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with tmpfs(tmp_path / "disk", "300k") as folder:
        yield folder


def test_a_disk_that_is_too_small(
    tone_corpus: ToneCorpus,
    small_disk: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert create(tone_corpus, small_disk / "data", "--audio", "wav", "--shard-size", "4") == 2
    told = capsys.readouterr()
    assert "60 utterances" in told.out
    assert "the disk is too small: about" in told.err
    assert not (small_disk / "data").exists()
    # A disk that fills up while shards are made leaves whole ones.
    monkeypatch.setattr("asr.feeding.shards.planning._bytes_a_second", lambda *_: 1.0)
    assert create(tone_corpus, small_disk / "data", "--audio", "wav", "--shard-size", "4") == 2
    assert "the disk is full" in capsys.readouterr().err
    reports = [read_json(path) for path in (small_disk / "data" / "parts").iterdir()]
    assert reports
    for report in reports:
        for file in report["shard"]["files"]:
            path = small_disk / "data" / "shards" / file["name"]
            assert path.stat().st_size == file["bytes"]
    assert not list((small_disk / "data" / ".work").iterdir())


def test_damaged_shards_are_named(copy: Path) -> None:
    (copy / "shards" / "recording.000001.tar").write_bytes(b"short")
    with pytest.raises(UserError, match=r"shard 000001 is damaged: recording\.000001\.tar has 5"):
        load_training_cuts(copy, None)
    (copy / "shards" / "recording.000001.tar").unlink()
    with pytest.raises(UserError, match=r"recording\.000001\.tar is missing"):
        load_cuts(copy)


def test_damage_that_keeps_the_size_is_told_when_it_is_read(
    tone_corpus: ToneCorpus, copy: Path, shards: Path
) -> None:
    for kind in ("recording", "features", "cuts"):
        (path,) = (copy / "shards").glob(f"{kind}.000003.*")
        path.write_bytes(bytes(path.stat().st_size))
        cuts = None
        with pytest.raises(UserError, match="000003"):
            cuts = load_cuts(copy)
            for cut in cuts:
                if kind == "recording":
                    cut = cut.drop_features()
                load_features(cut, FbankExtractor(FBANK))
        assert (cuts is None) == (kind == "cuts")
    assert create(tone_corpus, copy, "--features", "--verify") == 0
    assert contents(copy) == contents(shards)


def test_a_folder_without_a_dataset(tmp_path: Path, copy: Path) -> None:
    with pytest.raises(UserError, match="no finished dataset here"):
        load_cuts(tmp_path)
    with pytest.raises(UserError, match="the cuts do not exist"):
        load_cuts(tmp_path / "absent")
    data = json.loads((copy / "dataset.json").read_text())
    data["shards"][0]["files"][0]["sha256"] = "0" * 64
    (copy / "dataset.json").write_text(json.dumps(data))
    with pytest.raises(UserError, match="changed by hand"):
        load_cuts(copy)


def test_the_fingerprint_needs_no_shard(copy: Path, shards: Path) -> None:
    first = describe_cuts(load_training_cuts(shards, None))
    assert first == describe_cuts(load_training_cuts(copy / "dataset.json", None))
    assert first == describe_cuts(load_training_cuts(copy / "shards", None))
    assert first["utterances"] == 60
    assert first["sha256"] == read_dataset(copy).sha256()
