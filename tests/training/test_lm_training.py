"""`asr train-lm`: learning, choosing on dev, resuming, and what users get wrong."""

from __future__ import annotations

import math
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch

from asr.bundle import Bundle
from asr.cli.main import main
from asr.config.bases import parse_yaml
from asr.config.decoding import MethodName
from asr.config.loading import parse_config
from asr.config.tokenizer import CharTokenizerParams
from asr.decoding.fusion import score_sequences
from asr.decoding.resources import ResourcePaths, load_resources
from asr.errors import UserError
from asr.files import read_json
from asr.lm.saved import load_neural_lm
from asr.models import AsrModel
from asr.tensors import load_tensors
from asr.text.symbols import SOS_EOS_ID
from asr.text.tokenizers import CharTokenizer, Tokenizer, load_tokenizer, train_tokenizer
from asr.training.run_lm import LmTrainingRequest, train_lm
from tests.patience import PATIENCE
from tests.tone_corpus import CONF as TONE_CONF
from tests.tone_corpus import metrics

CPU = torch.device("cpu")
FOLLOWS = {"a": "bc", "b": "cd", "c": "de", "d": "ef", "e": "fa", "f": "ab"}
CONF = """
language_model: {kind}
language_model_params: {{hidden_size: 16, hidden_layers: 1, dropout: {dropout}}}
optimizer_params: {{lr: 1e-2}}
scheduler_params: {{warmup_steps: 10}}
training: {{max_epochs: 3, batch_tokens: 400}}
"""


def sentences(count: int, seed: int) -> list[str]:
    """Letters of which each has two that may follow."""
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        letters = [rng.choice("abcdef")]
        while len(letters) < rng.randint(5, 15):
            letters.append(rng.choice(FOLLOWS[letters[-1]]))
        made.append("".join(letters))
    return made


class TextCorpus:
    """Files of sentences, a tokenizer, and requests to train on them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for split, count in (("train", 300), ("dev", 40)):
            self.path(split).write_text("\n".join(sentences(count, count)) + "\n")
        texts = self.path("train").read_text().splitlines()
        train_tokenizer("CharTokenizer", CharTokenizerParams(), texts).save(root / "lang")
        for kind, dropout in (("TransformerLm", 0.1), ("LstmLm", 0.0)):
            (root / f"{kind}.yaml").write_text(CONF.format(kind=kind, dropout=dropout))

    def path(self, split: str) -> Path:
        return self.root / f"{split}.txt"

    @property
    def tokenizer(self) -> Tokenizer:
        return load_tokenizer(self.root / "lang")

    def train(self, directory: Path, kind: str, *overrides: str, **replaced: Path) -> bool:
        """Train as one process, within this one."""
        texts, dev = (
            replaced.get("train", self.path("train")),
            replaced.get("dev", self.path("dev")),
        )
        return train_lm(
            LmTrainingRequest(
                self.root / f"{kind}.yaml",
                overrides,
                (texts,),
                (dev,),
                replaced.get("tokenizer", self.root / "lang"),
                directory,
            )
        )

    def arguments(self, directory: Path, kind: str, *overrides: str) -> list[str]:
        """Return the arguments of `asr train-lm`."""
        settings = [part for override in overrides for part in ("--set", override)]
        return [
            "train-lm", "--config", str(self.root / f"{kind}.yaml"), "--text",
            str(self.path("train")), "--dev-text", str(self.path("dev")), "--tokenizer",
            str(self.root / "lang"), "--exp-dir", str(directory), *settings,
        ]  # fmt: skip


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> TextCorpus:
    return TextCorpus(tmp_path_factory.mktemp("text"))


def unigram_perplexity(corpus: TextCorpus) -> float:
    """Of dev, sentence ends counted, with the frequencies of the training text."""
    encode = corpus.tokenizer.encode
    read = {split: corpus.path(split).read_text().splitlines() for split in ("train", "dev")}
    tokens = {
        split: [t for line in lines for t in (*encode(line), SOS_EOS_ID)]
        for split, lines in read.items()
    }
    counts = Counter(tokens["train"])
    nats = -sum(math.log(counts[t] / len(tokens["train"])) for t in tokens["dev"])
    return math.exp(nats / len(tokens["dev"]))


@pytest.mark.parametrize("kind", ["TransformerLm", "LstmLm"])
def test_it_learns_and_the_best_on_dev_is_saved(
    corpus: TextCorpus, tmp_path: Path, kind: str
) -> None:
    exp_dir = tmp_path / "exp"
    settings = ("training.max_epochs=8", "training.ema_decay=0.9", "training.keep_best=3")
    assert corpus.train(exp_dir, kind, *settings)
    dev = metrics(exp_dir, "dev")
    # Two letters may follow each: about half as many choices as letters.
    assert dev[-1]["perplexity"] < 0.6 * unigram_perplexity(corpus)
    rows = read_json(exp_dir / "average.json")
    assert {row["name"] for row in rows} == {"best-1", "best-2", "best-3", "ema"}
    assert rows == sorted(rows, key=lambda row: row["perplexity"])
    # The saved model, by the scorer that decoding uses.
    scorer = load_neural_lm(exp_dir / "bundle", corpus.tokenizer)
    lines = corpus.path("dev").read_text().splitlines()
    sequences = [corpus.tokenizer.encode(line) for line in lines]
    nats = -float(scorer.score_whole(sequences, CPU).sum())
    tokens = sum(len(labels) + 1 for labels in sequences)
    assert math.exp(nats / tokens) == pytest.approx(rows[0]["perplexity"], rel=1e-4)
    assert math.exp(nats / (2 * len(lines))) == pytest.approx(rows[0]["word_perplexity"], rel=1e-3)
    summary = read_json(exp_dir / "summary.json")
    assert summary["best_dev_perplexity"] == min(row["perplexity"] for row in dev)


# Kills itself as the line of a step would be written: the newest state is of an earlier step.
KILLED_AT_STEP = """
import os, signal, sys
from asr.bundle import Bundle
from asr.cli.main import main
from asr.config.bases import parse_yaml
from asr.config.decoding import MethodName
from asr.config.loading import parse_config
from asr.training.metrics import MetricsLog
os.environ.update(RANK="0", WORLD_SIZE="1", LOCAL_RANK="0")
step, arguments = int(sys.argv[1]), sys.argv[2:]
real = MetricsLog.write
def deadly(self, kind, at, values):
    real(self, kind, at, values)
    if kind == "train" and at == step:
        os.kill(os.getpid(), signal.SIGKILL)
MetricsLog.write = deadly
main(arguments)
"""


def test_killed_and_resumed_equals_uninterrupted(corpus: TextCorpus, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    settings = (
        "training.max_epochs=2",
        "training.ema_decay=0.9",
        "training.checkpoint_every_steps=3",
    )
    assert corpus.train(whole, "TransformerLm", *settings)
    total = len(metrics(whole))
    assert total > 14
    arguments = corpus.arguments(killed, "TransformerLm", *settings)
    step = total // 2 + 3  # in the second epoch
    done = subprocess.run(
        [sys.executable, "-c", KILLED_AT_STEP, str(step), *arguments],
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    states = sorted((killed / "checkpoints").glob("state-*.pt"))
    assert 0 < load_tensors(states[-1])["counters"]["step"] < step
    assert not (killed / "bundle").exists()
    assert corpus.train(killed, "TransformerLm", *settings)
    for kind, names in (
        ("train", ("step", "loss", "gradient_norm")),
        ("dev", ("step", "loss", "perplexity")),
    ):
        both = [[[row[n] for n in names] for row in metrics(x, kind)] for x in (whole, killed)]
        assert both[0] == both[1]
    weights = [load_tensors(x / "bundle" / "weights.pt")["model"] for x in (whole, killed)]
    assert all(weights[0][name].equal(weights[1][name]) for name in weights[0])


def test_two_processes_and_accumulation_equal_one(corpus: TextCorpus, tmp_path: Path) -> None:
    expected, parts, two = tmp_path / "one", tmp_path / "parts", tmp_path / "two"
    assert corpus.train(expected, "LstmLm")
    assert corpus.train(parts, "LstmLm", "training.device_batch_tokens=150")
    arguments = corpus.arguments(two, "LstmLm")
    subprocess.run(
        [sys.executable, "-m", "asr", *arguments, "--num-processes", "2"],
        check=True,
        timeout=PATIENCE,
    )
    losses = [row["loss"] for row in metrics(expected)]
    assert losses[-1] < 0.9 * losses[0]
    for other in (parts, two):
        assert [row["loss"] for row in metrics(other)] == pytest.approx(losses, abs=1e-5)
        dev = metrics(other, "dev")[-1]
        assert dev["loss"] == pytest.approx(metrics(expected, "dev")[-1]["loss"], abs=1e-5)
        assert dev["tokens"] == metrics(expected, "dev")[-1]["tokens"]


def test_other_text_starts_anew(corpus: TextCorpus, tmp_path: Path) -> None:
    exp_dir, settings = tmp_path / "exp", ("training.max_steps=2",)
    assert corpus.train(exp_dir, "LstmLm", *settings)
    other = tmp_path / "other.txt"
    other.write_text("abc\nbcd\n")
    assert corpus.train(exp_dir, "LstmLm", *settings, train=other)
    (moved,) = (exp_dir / "previous").iterdir()
    assert (moved / "text" / "train.tokens.npy").exists()
    assert read_json(exp_dir / "text" / "train.json")["sentences"] == 2


def test_text_that_is_spelled_otherwise_starts_anew(corpus: TextCorpus, tmp_path: Path) -> None:
    """A tokenizer of the same tokens may normalise text in another way."""
    exp_dir, settings = tmp_path / "exp", ("training.max_steps=2",)
    train = tmp_path / "train.txt"
    train.write_text("ABC abc\nDEF\n")
    assert corpus.train(exp_dir, "LstmLm", *settings, train=train)
    tokenizer = corpus.tokenizer
    params = CharTokenizerParams(normaliser="english")
    CharTokenizer(params, tokenizer.tokens).save(corpus.root / "normalising")
    assert corpus.train(
        exp_dir, "LstmLm", *settings, train=train, tokenizer=corpus.root / "normalising"
    )
    (moved,) = (exp_dir / "previous").iterdir()
    shares = [read_json(x / "text" / "train.json")["unknown_share"] for x in (moved, exp_dir)]
    assert shares[1] < shares[0]


def test_a_model_of_another_vocabulary_is_refused(corpus: TextCorpus, tmp_path: Path) -> None:
    exp_dir = tmp_path / "exp"
    assert corpus.train(exp_dir, "LstmLm", "training.max_steps=1")
    other = train_tokenizer("CharTokenizer", CharTokenizerParams(), ["xyz"])
    with pytest.raises(UserError, match=r"another vocabulary \(9 tokens\) than .* \(6 tokens\)"):
        load_neural_lm(exp_dir / "bundle", other)


def test_decoding_loads_it_for_its_own_vocabulary(corpus: TextCorpus, tmp_path: Path) -> None:
    exp_dir = tmp_path / "exp"
    assert corpus.train(exp_dir, "LstmLm", "training.max_steps=1")
    config = parse_config(parse_yaml(TONE_CONF), "tones")
    bundle = Bundle(AsrModel(config, corpus.tokenizer.vocab_size), config, corpus.tokenizer)
    paths = ResourcePaths(neural_lm=exp_dir / "bundle")
    resources = load_resources(paths, bundle, CPU)
    resources.check(MethodName.parse("ctc-prefix-beam+neural"))
    assert resources.neural is not None
    labels = corpus.tokenizer.encode("abc")
    expected = load_neural_lm(exp_dir / "bundle", corpus.tokenizer).score_whole([labels], CPU)
    assert score_sequences(resources.neural, [labels], CPU).equal(expected)


def test_damaged_and_missing_models(corpus: TextCorpus, tmp_path: Path) -> None:
    exp_dir = tmp_path / "exp"
    assert corpus.train(exp_dir, "LstmLm", "training.max_steps=1")
    with pytest.raises(UserError, match="no neural language model here"):
        load_neural_lm(exp_dir, corpus.tokenizer)
    weights = exp_dir / "bundle" / "weights.pt"
    os.truncate(weights, weights.stat().st_size // 2)
    with pytest.raises(UserError, match=r"weights\.pt: is damaged"):
        load_neural_lm(exp_dir / "bundle", corpus.tokenizer)


@pytest.mark.parametrize("split", ["train", "dev"])
@pytest.mark.parametrize(
    ("content", "expected"), [("\n \n", "holds no text"), (None, "the file does not exist")]
)
def test_text_that_is_none(
    corpus: TextCorpus, tmp_path: Path, split: str, content: str | None, expected: str
) -> None:
    path = tmp_path / "none.txt"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match=expected):
        corpus.train(tmp_path / "exp", "LstmLm", **{split: path})
    assert not (tmp_path / "exp").exists()


def test_a_conf_is_printed_with_its_defaults(
    corpus: TextCorpus, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "--lm", str(corpus.root / "LstmLm.yaml")]) == 0
    printed = parse_yaml(capsys.readouterr().out)
    assert printed["language_model"] == "LstmLm"
    assert printed["language_model_params"]["tie_embeddings"] is False
    assert printed["training"]["batch_tokens"] == 400


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("language_model=LstmLM", "unknown class 'LstmLM'. Did you mean 'LstmLm'?"),
        ("language_model_params.hiden_size=8", "Did you mean 'hidden_size'?"),
        ("training.batch_tokens=0", "Input should be greater than or equal to 1"),
        ("training.batch_duration=100", "unknown key. Known: batch_tokens"),
        ("training.device_batch_tokens=5000", "must not exceed batch_tokens"),
        ("language_model_params.num_heads=3", "must be a multiple of twice num_heads"),
    ],
)
def test_mistakes_in_the_conf(
    corpus: TextCorpus,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    override: str,
    expected: str,
) -> None:
    assert main(corpus.arguments(tmp_path / "exp", "TransformerLm", override)) == 2
    told = capsys.readouterr().err
    assert expected in told
    assert told.count("\n") == 1
