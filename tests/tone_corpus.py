"""A corpus that a tiny model learns in seconds: every word is a tone."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from asr.cli.main import main
from asr.files import read_jsonl, write_jsonl, write_text
from asr.training.run import TrainingRequest, train

RATE = 8000
TONES = {"low": 300.0, "mid": 700.0, "high": 1500.0, "top": 2600.0}
CONF = """
features: Fbank
features_params: {num_mel_bins: 24, sampling_rate: 8000, stats_utterances: 20}
tokenizer: CharTokenizer
tokenizer_params: {}
encoder: ConformerEncoder
encoder_params: {encoder_layers: 2, hidden_size: 32, num_heads: 2, feedforward_size: 64,
                 kernel_size: 7, subsampling_factor: 4, subsampling_channels: 8,
                 position: rotary, dropout: 0.0}
decoder: JointCTCAttentionDecoder
decoder_params:
  ctc_decoder_params: {dropout: 0.0}
  attn_decoder_params: {hidden_layers: 1, num_heads: 2, feedforward_size: 64, dropout: 0.0}
loss_params: {lambda_value: 0.5, label_smoothing: 0.0}
optimizer_params: {lr: 3e-3}
scheduler: WarmupNoam
scheduler_params: {warmup_steps: 20}
training: {max_epochs: 4, batch_duration: 12.0, num_buckets: 2, num_workers: 0}
"""


def speak(words: list[str], rng: np.random.Generator, rate: int = RATE) -> np.ndarray:
    """Return float32 samples (N,): a tone a word, gaps and faint noise."""
    return speak_slowly(words, rng, rate, (0.05,), (0.06,), (0.0,))


def speak_slowly(
    words: list[str],
    rng: np.random.Generator,
    rate: int = RATE,
    before: Sequence[float] = (0.05, 0.1, 0.6),
    after_word: Sequence[float] = (0.1, 0.2, 0.3),
    after: Sequence[float] = (0.0, 0.0, 0.8),
) -> np.ndarray:
    """Speak with pauses drawn from these, in seconds, as live speech has them."""

    def pause(choices: Sequence[float]) -> np.ndarray:
        drawn = choices[0] if len(choices) == 1 else rng.choice(choices)
        return np.zeros(int(drawn * rate))

    pieces = [pause(before)]
    for word in words:
        seconds = rng.uniform(0.28, 0.36)
        time = np.arange(int(seconds * rate)) / rate
        pieces += [0.3 * np.sin(2 * np.pi * TONES[word] * time), pause(after_word)]
    samples = np.concatenate([*pieces, pause(after)])
    return (samples + rng.normal(0.0, 0.003, len(samples))).astype(np.float32)


@dataclass(frozen=True)
class ToneCorpus:
    """Folders and files of a prepared corpus."""

    root: Path
    conf: Path

    @property
    def train_cuts(self) -> Path:
        return self.root / "train" / "cuts.jsonl"

    @property
    def dev_cuts(self) -> Path:
        return self.root / "dev" / "cuts.jsonl"

    @property
    def tokenizer(self) -> Path:
        return self.root / "lang"

    def train_arguments(self, exp_dir: Path, *overrides: str, processes: int = 1) -> list[str]:
        """Return the arguments of `asr train`."""
        arguments = ["train", "--config", str(self.conf), "--train-cuts", str(self.train_cuts)]
        arguments += ["--dev-cuts", str(self.dev_cuts), "--tokenizer", str(self.tokenizer)]
        arguments += ["--exp-dir", str(exp_dir), "--num-processes", str(processes)]
        return arguments + [part for override in overrides for part in ("--set", override)]


def make_tables(
    root: Path, sizes: dict[str, int], seed: int = 0, say: Callable[..., np.ndarray] = speak
) -> None:
    """Write audio and `<split>.jsonl` tables."""
    words = random.Random(seed)
    noise = np.random.default_rng(seed)
    for split, size in sizes.items():
        rows = []
        for index in range(size):
            text = [words.choice(sorted(TONES)) for _ in range(words.randint(1, 5))]
            path = root / "wav" / f"{split}-{index:03d}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, say(text, noise), RATE, subtype="PCM_16")
            speaker = f"{split}-{index % 3}"
            rows.append(
                {
                    "id": path.stem,
                    "path": str(path),
                    "text": " ".join(text),
                    "speaker": speaker,
                    "language": "en",
                }
            )
        write_jsonl(root / "tables" / f"{split}.jsonl", rows)


def make_corpus(
    root: Path, sizes: dict[str, int], say: Callable[..., np.ndarray] = speak
) -> ToneCorpus:
    """Make audio, manifests, validated cuts and a tokenizer with the toolkit's own commands."""
    make_tables(root, sizes, say=say)
    conf = root / "conf.yaml"
    write_text(conf, CONF)
    for split in sizes:
        table = str(root / "tables" / f"{split}.jsonl")
        manifests = str(root / "manifests")
        run("prepare", "--table", table, "--split", split, "--output-dir", manifests)
        run(
            "validate", "--config", str(conf), "--manifests", manifests, "--split", split,
            "--output-dir", str(root),
        )  # fmt: skip
    cuts = str(root / "train" / "cuts.jsonl")
    run("tokenizer", "--config", str(conf), "--text", cuts, "--output-dir", str(root / "lang"))
    return ToneCorpus(root, conf)


def run(*arguments: str) -> None:
    """Run an `asr` command in this process; it must succeed."""
    assert main(list(arguments)) == 0, arguments


def train_here(
    corpus: ToneCorpus, exp_dir: Path, *overrides: str, restart: bool = False, **replaced: Path
) -> bool:
    """Train as one process, within this one.

    Args:
        replaced: `train_cuts`, `dev_cuts` or `tokenizer` to use instead of the corpus' own.
    """
    inputs = {name: getattr(corpus, name) for name in ("train_cuts", "dev_cuts", "tokenizer")}
    return train(
        TrainingRequest(
            config=corpus.conf,
            overrides=overrides,
            directory=exp_dir,
            restart=restart,
            **{**inputs, **replaced},
        )
    )


def metrics(exp_dir: Path, kind: str = "train") -> list[dict]:
    """Return the lines of one kind of a run's `metrics.jsonl`."""
    rows = read_jsonl(exp_dir / "metrics.jsonl")
    return [row for row in rows if row["kind"] == kind]
