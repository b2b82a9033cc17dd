from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from lhotse import CutSet

from asr.cli.main import main
from asr.config.features import FbankParams
from asr.errors import UserError
from asr.signal.features.fbank import FbankExtractor
from asr.signal.features.loading import load_features
from tests.corpus_files import ROW, cut_short, prepare, validate, write_noise, write_table

CONF = """
features_params: {sampling_rate: 16000, num_mel_bins: 20}
augmentation: {speed_perturb: {factors: [0.9, 1.0, 1.1]}}
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with cuts of six utterances, one of them 44.1 kHz stereo, and conf.yaml."""
    for index in range(5):
        write_noise(tmp_path / "wav" / f"{'u' * (index + 1)}.wav", seconds=0.5 + 0.1 * index)
    write_noise(tmp_path / "wav" / "stereo.wav", rate=44100, channels=2)
    paths = sorted((tmp_path / "wav").iterdir())
    rows = [{**ROW, "id": path.stem, "path": str(path)} for path in paths]
    folder = tmp_path / "data"
    assert prepare(write_table(tmp_path / "t.jsonl", *rows), folder / "manifests") == 0
    assert validate(folder / "manifests", folder) == 0
    (folder / "conf.yaml").write_text(CONF)
    return folder


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six cuts make three parts."""
    monkeypatch.setattr("asr.corpora.extraction._CUTS_A_PART", 2)


def features(data: Path, *options: str, output: str = "fbank") -> int:
    arguments = ["features", "--config", str(data / "conf.yaml")]
    arguments += ["--cuts", str(data / "train" / "cuts.jsonl")]
    return main([*arguments, "--output-dir", str(data / "train" / output), *options])


def load_cuts(data: Path) -> CutSet:
    return CutSet.from_jsonl(data / "train" / "cuts_fbank.jsonl")


def matrices(data: Path, output: str = "fbank") -> bytes:
    return b"".join(path.read_bytes() for path in sorted((data / "train" / output).glob("*.f16")))


def fail_after(monkeypatch: pytest.MonkeyPatch, writes: int) -> None:
    """Let the disk be full after some matrices."""
    from asr.corpora import extraction

    real = extraction.append_features
    calls = iter(range(10**6))

    def append(stream, values):  # type: ignore[no-untyped-def]
        if next(calls) >= writes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(stream, values)

    monkeypatch.setattr(extraction, "append_features", append)


def test_stored_features_are_those_of_the_audio(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert features(data) == 0
    out = capsys.readouterr().out
    assert "3 of 3 parts to compute, about 450 frames" in out
    assert "450 frames computed" in out
    extractor = FbankExtractor(FbankParams(num_mel_bins=20))
    originals = CutSet.from_jsonl(data / "train" / "cuts.jsonl")
    cuts = load_cuts(data)
    assert [cut.id for cut in cuts] == [cut.id for cut in originals]
    for cut in cuts:
        assert cut.has_features
        expected = load_features(originals[cut.id], extractor)
        stored = load_features(cut, extractor)
        assert stored.dtype == torch.float32
        assert stored.shape == expected.shape == (cut.num_frames, 20)
        assert (stored - expected).abs().max() < 0.005
        part = cut.truncate(offset=0.1, duration=0.2).load_features()
        assert np.array_equal(part, stored[10:30].numpy())


def test_speed_copies_are_stored(data: Path) -> None:
    assert features(data, "--speed-copies") == 0
    cuts = load_cuts(data)
    assert len(list(cuts)) == 18
    assert {cut.id for cut in cuts if cut.custom["source_id"] == "stereo"} == {
        "stereo_sp0.9",
        "stereo",
        "stereo_sp1.1",
    }
    extractor = FbankExtractor(FbankParams(num_mel_bins=20))
    for cut in cuts:
        expected = extractor.extract(cut.load_audio()[0])
        assert (load_features(cut, extractor) - expected).abs().max() < 0.005


def test_a_rerun_computes_only_what_is_missing(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert features(data) == 0
    first, cuts = matrices(data), (data / "train" / "cuts_fbank.jsonl").read_bytes()
    sorted((data / "train" / "fbank").glob("*.f16"))[1].unlink()
    (data / "train" / "cuts_fbank.jsonl").unlink()
    capsys.readouterr()
    assert features(data) == 0
    assert "1 of 3 parts to compute" in capsys.readouterr().out
    assert matrices(data) == first
    assert (data / "train" / "cuts_fbank.jsonl").read_bytes() == cuts
    fail_after(monkeypatch, 0)  # nothing more is written
    assert features(data) == 0


def test_other_parameters_are_other_parts(data: Path) -> None:
    assert features(data) == 0
    assert features(data, "--set", "features_params.num_mel_bins=30") == 0
    assert {cut.num_features for cut in load_cuts(data)} == {30}
    assert features(data, "--set", "features_params.stats_utterances=7") == 0
    assert {cut.num_features for cut in load_cuts(data)} == {20}
    assert len(list((data / "train" / "fbank").glob("*.f16"))) == 6


def test_audio_made_anew_is_computed_anew(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert features(data) == 0
    (cut,) = (cut for cut in load_cuts(data) if cut.id == "uu")
    path = Path(cut.recording.sources[0].source)
    write_noise(path, seconds=cut.duration)
    os.utime(path, ns=(0, 0))
    capsys.readouterr()
    assert features(data) == 0
    assert "1 of 3 parts to compute" in capsys.readouterr().out


def test_the_same_bytes_from_any_number_of_jobs(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert features(data, "--num-jobs", "1") == 0
    monkeypatch.setattr("asr.corpora.extraction._FRAMES_WORTH_A_PROCESS", 1)
    assert features(data, "--num-jobs", "2", output="fbank2") == 0
    assert matrices(data, "fbank2") == matrices(data)


@pytest.mark.parametrize("num_written", [0, 3])
def test_full_disk(
    data: Path,
    num_written: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    capsys.readouterr()
    with monkeypatch.context() as context:
        fail_after(context, num_written)
        assert features(data) == 2
    error = capsys.readouterr().err
    assert "the disk is full" in error
    assert "Traceback" not in error
    assert not (data / "train" / "cuts_fbank.jsonl").exists()
    left = {path.suffix for path in (data / "train" / "fbank").iterdir()}
    assert left == ({".f16", ".jsonl"} if num_written else set())
    assert features(data) == 0
    assert f"{2 if num_written else 3} of 3 parts to compute" in capsys.readouterr().out
    assert features(data, output="fresh") == 0
    assert matrices(data) == matrices(data, "fresh")


def test_full_disk_at_the_list_of_a_part(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise UserError("the disk is full")

    monkeypatch.setattr("asr.corpora.extraction.write_jsonl", refuse)
    assert features(data) == 2
    assert not list((data / "train" / "fbank").iterdir())


def test_a_disk_that_cannot_hold_the_features(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usage = shutil.disk_usage(data)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    capsys.readouterr()
    assert features(data) == 2
    assert "the disk is too full" in capsys.readouterr().err
    assert not (data / "train" / "fbank").exists()


def test_user_mistakes(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "conf.yaml").write_text("features_params: {num_mel_bins: 20}\n")
    for options, part in (
        (["--speed-copies"], "augmentation.speed_perturb"),
        (["--cuts", str(data / "absent.jsonl")], "Run `asr validate` first"),
        (["--cuts", str(data / "conf.yaml")], "not a file of lhotse cuts"),
        (["--set", "features_params.num_mel_bins=0"], "num_mel_bins"),
        (["--set", "features_params.sampling_rate=8000"], "16000 Hz, not 8000 Hz"),
    ):
        capsys.readouterr()
        assert features(data, *options) == 2
        assert part in capsys.readouterr().err
    assert not (data / "train" / "cuts_fbank.jsonl").exists()


def test_stored_features_that_were_cut_short(data: Path) -> None:
    assert features(data) == 0
    cut_short(min((data / "train" / "fbank").glob("*-00000-*.f16")), 0.5)
    extractor = FbankExtractor(FbankParams(num_mel_bins=20))
    with pytest.raises(UserError, match="Run `asr features` again"):
        for cut in load_cuts(data):
            load_features(cut, extractor)
    with pytest.raises(UserError, match="20 mel bins, not 80"):
        load_features(load_cuts(data)[0], FbankExtractor(FbankParams()))
