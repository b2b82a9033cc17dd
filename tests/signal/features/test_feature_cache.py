"""Cached features are those that would be computed, from any process, within the budget."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from asr.config.augmentation import Augmentation, Pauses, SpecAugment, SpeedPerturb, VolumePerturb
from asr.config.features import FbankParams
from asr.feeding.batches.dataset import Batch, SpeechDataset
from asr.feeding.batches.sampling import GlobalBatchSampler
from asr.feeding.cuts import load_cuts
from asr.signal.augmentation.speed import speed_copies
from asr.signal.features.cache import FeatureCache
from asr.signal.features.fbank import FbankExtractor
from asr.signal.features.loading import load_features
from asr.text.tokenizers import load_tokenizer
from tests.tone_corpus import ToneCorpus, metrics, train_here

FBANK = FbankParams(num_mel_bins=24, sampling_rate=8000)
EXTRACTOR = FbankExtractor(FBANK)


def open_cache(folder: Path, max_bytes: int = 10**9, params: FbankParams = FBANK) -> FeatureCache:
    cache = FeatureCache(folder, max_bytes, params)
    cache.prepare()
    return cache


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.f32"))


def forbid_computing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr("asr.signal.features.cache.load_features", refuse)


def test_kept_features_are_the_computed_ones(
    tone_corpus: ToneCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuts = list(speed_copies(load_cuts(tone_corpus.train_cuts)[:5], SpeedPerturb()))
    cache = open_cache(tmp_path)
    expected = [load_features(cut, EXTRACTOR) for cut in cuts]
    for cut, features in zip(cuts, expected, strict=True):
        assert torch.equal(cache.load(cut, EXTRACTOR), features)
    assert len(files(tmp_path)) == 15  # each speed copy is an utterance of its own
    forbid_computing(monkeypatch)
    again = open_cache(tmp_path)  # as after a kill
    for cut, features in zip(cuts, expected, strict=True):
        assert torch.equal(again.load(cut, EXTRACTOR), features)


def test_the_budget_holds(tone_corpus: ToneCorpus, tmp_path: Path) -> None:
    cuts = load_cuts(tone_corpus.train_cuts)
    budget = 100_000
    for _ in range(2):  # what is kept counts in the next run as well
        cache = open_cache(tmp_path, budget)
        for cut in cuts:
            assert torch.equal(cache.load(cut, EXTRACTOR), load_features(cut, EXTRACTOR))
        used = sum(path.stat().st_size for path in files(tmp_path))
        assert 0.8 * budget < used <= budget


def test_other_audio_and_other_parameters_are_computed(
    tone_corpus: ToneCorpus, tmp_path: Path
) -> None:
    (cut, *_) = load_cuts(tone_corpus.train_cuts)
    source = cut.recording.sources[0]
    source.source = str(shutil.copy(source.source, tmp_path / "u.wav"))
    cache = open_cache(tmp_path / "cache")
    before = cache.load(cut, EXTRACTOR)
    soundfile.write(source.source, np.zeros(cut.num_samples), 8000, subtype="PCM_16")
    assert not torch.equal(cache.load(cut, EXTRACTOR), before)
    other = FbankParams(num_mel_bins=20, sampling_rate=8000)
    found = open_cache(tmp_path / "cache", params=other).load(cut, FbankExtractor(other))
    assert found.shape[1] == 20
    assert len(files(tmp_path / "cache")) == 1  # those of the other parameters are gone


def test_half_written_files_are_not_read(tone_corpus: ToneCorpus, tmp_path: Path) -> None:
    (cut, *_) = load_cuts(tone_corpus.train_cuts)
    cache = open_cache(tmp_path)
    expected = cache.load(cut, EXTRACTOR)
    (path,) = files(tmp_path)
    (path.parent / "x.1.2.tmp").write_bytes(b"half")
    for content in (b"", path.read_bytes()[:-8], path.read_bytes()[:2]):
        path.write_bytes(content)
        assert torch.equal(cache.load(cut, EXTRACTOR), expected)
        assert torch.equal(open_cache(tmp_path).load(cut, EXTRACTOR), expected)
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_disk_that_cannot_be_written_stops_the_cache_alone(
    tone_corpus: ToneCorpus, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cuts = load_cuts(tone_corpus.train_cuts)[:3]
    cache = open_cache(tmp_path)
    shutil.rmtree(tmp_path)
    for cut in cuts:
        assert torch.equal(cache.load(cut, EXTRACTOR), load_features(cut, EXTRACTOR))
    assert caplog.text.count("features are no longer kept here") == 1


def test_batches_are_the_same_with_any_number_of_workers(
    tone_corpus: ToneCorpus, tmp_path: Path
) -> None:
    """Augmentation after the features goes on varying with the epoch."""
    cuts = load_cuts(tone_corpus.train_cuts)[:24]
    augmentation = Augmentation(
        volume_perturb=VolumePerturb(), pauses=Pauses(), spec_augment=SpecAugment()
    )
    tokenizer = load_tokenizer(tone_corpus.tokenizer)

    def batches(cache: FeatureCache | None, num_workers: int, epoch: int) -> list[Batch]:
        dataset = SpeechDataset(EXTRACTOR, tokenizer, augmentation, cache=cache)
        sampler = GlobalBatchSampler(cuts, 8.0, 2, seed=0)
        sampler.set_position(epoch, 0)
        return list(
            torch.utils.data.DataLoader(
                dataset, sampler=sampler, batch_size=None, num_workers=num_workers
            )
        )

    epochs = [batches(None, 0, epoch) for epoch in range(2)]
    for num_workers in (0, 2):
        cache = open_cache(tmp_path / str(num_workers))
        for epoch, expected in enumerate(epochs):
            found = batches(cache, num_workers, epoch)
            for one, two in zip(found, expected, strict=True):
                assert torch.equal(one.features, two.features)
                assert torch.equal(one.feature_lengths, two.feature_lengths)
        assert len(files(tmp_path / str(num_workers))) == 24
    by_id = [dict(zip(b.ids, b.features, strict=True)) for b in (epochs[0][0], epochs[1][0])]
    for name in by_id[0].keys() & by_id[1].keys():
        assert not torch.equal(by_id[0][name], by_id[1][name])


def test_training_with_a_cache_is_training_without(tone_corpus: ToneCorpus, tmp_path: Path) -> None:
    settings = ("training.max_epochs=2", "augmentation.speed_perturb={}")
    assert train_here(tone_corpus, tmp_path / "without", *settings)
    cached = "training.feature_cache_gb=0.1"
    assert train_here(tone_corpus, tmp_path / "with", *settings, cached)
    losses = [[row["loss"] for row in metrics(tmp_path / name)] for name in ("without", "with")]
    assert losses[0] == losses[1]
    kept = len(files(tmp_path / "with" / "feature_cache"))
    assert 60 <= kept <= 120
    # A cache may be added to a run, which goes on; and it is used again.
    settings = ("training.max_epochs=3", "augmentation.speed_perturb={}")
    assert train_here(tone_corpus, tmp_path / "without", *settings, cached)
    assert len(metrics(tmp_path / "without")) == len(losses[0]) * 3 // 2
