"""The number of processes and of parts a step is cut into does not change what is learned."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE
from tests.tone_corpus import ToneCorpus, metrics

STEPS = 20
# Random chunk sizes are the same on every process and for every part of a step.
DYNAMIC = ("encoder_params.chunking.mode=dynamic", "encoder_params.chunking.max_chunk_size=6",
           "encoder_params.chunking.dynamic_left_chunks=true")  # fmt: skip


def losses(corpus: ToneCorpus, exp_dir: Path, processes: int, *overrides: str) -> list[float]:
    overrides = (*DYNAMIC, *overrides, f"training.max_steps={STEPS}", "training.max_epochs=100")
    arguments = corpus.train_arguments(exp_dir, *overrides, processes=processes)
    subprocess.run([sys.executable, "-m", "asr", *arguments], check=True, timeout=PATIENCE)
    return read_losses(exp_dir)


def read_losses(exp_dir: Path) -> list[float]:
    return [row["loss"] for row in metrics(exp_dir)]


@pytest.fixture(scope="module")
def one_process(tone_corpus: ToneCorpus, tmp_path_factory: pytest.TempPathFactory) -> list[float]:
    found = losses(tone_corpus, tmp_path_factory.mktemp("one") / "exp", 1)
    assert len(found) == STEPS
    assert found[-1] < 0.9 * found[0]  # it learns: equality of constants would show nothing
    return found


def test_two_processes_equal_one(
    tone_corpus: ToneCorpus, tmp_path: Path, one_process: list[float]
) -> None:
    assert losses(tone_corpus, tmp_path / "exp", 2) == pytest.approx(one_process, abs=1e-5)


def test_accumulation_equals_one_batch(
    tone_corpus: ToneCorpus, tmp_path: Path, one_process: list[float]
) -> None:
    found = losses(tone_corpus, tmp_path / "exp", 1, "training.device_batch_duration=4.0")
    assert found == pytest.approx(one_process, abs=1e-5)


def test_two_nodes_equal_one(
    tone_corpus: ToneCorpus, tmp_path: Path, one_process: list[float]
) -> None:
    """Two launchers that meet over the network, as on two machines with one folder."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    exp_dir = tmp_path / "exp"
    limits = (*DYNAMIC, f"training.max_steps={STEPS}", "training.max_epochs=100")
    nodes = [
        subprocess.Popen(
            [
                sys.executable, "-m", "asr", *tone_corpus.train_arguments(exp_dir, *limits),
                "--num-nodes", "2", "--node-rank", str(rank), "--master", f"localhost:{port}",
            ]
        )
        for rank in (0, 1)
    ]  # fmt: skip
    assert [node.wait(timeout=PATIENCE) for node in nodes] == [0, 0]
    assert read_losses(exp_dir) == pytest.approx(one_process, abs=1e-5)
