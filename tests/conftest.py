"""Settings and helpers that every test shares."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from pathlib import Path

import pytest
import torch

from asr.k2.library import k2_status
from tests.decoding_kit import DecodingKit, make_kit
from tests.tone_corpus import ToneCorpus, make_corpus


@pytest.fixture(scope="session")
def tone_corpus(tmp_path_factory: pytest.TempPathFactory) -> ToneCorpus:
    """A prepared corpus of tones: 60 train, 8 dev and 12 test utterances."""
    root: Path = tmp_path_factory.mktemp("tones")
    return make_corpus(root, {"train": 60, "dev": 8, "test": 12})


@pytest.fixture(scope="session")
def decoding_kit(tone_corpus: ToneCorpus, tmp_path_factory: pytest.TempPathFactory) -> DecodingKit:
    """A model that knows the tones, and all that decoding may use beside it; never written to."""
    return make_kit(tone_corpus, tmp_path_factory.mktemp("kit"))


def pytest_configure(config: pytest.Config) -> None:
    """Hide GPUs from all tests but those marked `needs_gpu`, which run by themselves.

    What is compared bit for bit, and what starts several processes, is a matter of the CPU. Set
    before anything asks torch for devices, which looks at them once.
    """
    if config.option.markexpr != "needs_gpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a GPU or k2 where there is none."""
    if item.get_closest_marker("needs_gpu") and not torch.cuda.is_available():
        pytest.skip("no GPU in sight; make test-gpu runs what needs one")
    if item.get_closest_marker("needs_k2"):
        status = k2_status()
        if not status.usable:
            pytest.skip(f"k2 {status.text}")
