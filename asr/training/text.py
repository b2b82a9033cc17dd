"""Text as a task of the training core: batches of sentences for a neural language model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from asr.config.language_model import LmConfig
from asr.config.training import Precision
from asr.devices import autocast
from asr.errors import UserError
from asr.lm.batches import (
    SentenceDataset,
    SentencePlan,
    SentenceSampler,
    TextBatch,
    batches_of_like_length,
)
from asr.lm.corpus import TokenCorpus
from asr.lm.neural import NeuralLm
from asr.models.losses import attention_loss, attention_targets
from asr.text.symbols import SOS_EOS_ID
from asr.training.distributed import Processes
from asr.training.task import Task, batch_loader, parts_a_process

DEV_BATCH_TOKENS = 4096


@dataclass(frozen=True)
class Perplexity:
    """Negative log-likelihood of a text in nats, and what it is of.

    Attributes:
        tokens, words: sentence ends counted, each of which is one event, as for n-gram models.
    """

    nats: float
    tokens: int
    words: int

    @property
    def loss(self) -> float:
        """A token."""
        return self.nats / max(self.tokens, 1)

    @property
    def error(self) -> float:
        """What checkpoints are chosen by."""
        return self.per_token

    @property
    def per_token(self) -> float:
        return _exponential(self.loss)

    @property
    def per_word(self) -> float:
        """Comparable between vocabularies, unless words are unknown to them."""
        return _exponential(self.nats / max(self.words, 1))

    def values(self) -> dict[str, float]:
        """Return what `metrics.jsonl` keeps."""
        return {
            "loss": self.loss,
            "perplexity": self.per_token,
            "word_perplexity": self.per_word,
            "tokens": self.tokens,
            "words": self.words,
        }

    def __str__(self) -> str:
        return (
            f"loss {self.loss:.4f}, perplexity {self.per_token:.2f} a token, "
            f"{self.per_word:.1f} a word"
        )


class TextDevSet:
    """A dev text ready to be measured many times."""

    def __init__(
        self, corpus: TokenCorpus, processes: Processes, precision: Precision = "fp32"
    ) -> None:
        self.corpus = corpus
        self.processes = processes
        self.precision = precision
        everything = np.arange(len(corpus))
        batches = batches_of_like_length(corpus.lengths, everything, DEV_BATCH_TOKENS)
        self.plans = [SentencePlan(b) for b in batches][processes.rank :: processes.world_size]

    @torch.inference_mode()
    def evaluate(self, model: nn.Module) -> Perplexity:
        """Return the perplexity over all processes; the model's mode is restored."""
        was_training = model.training
        model.eval()
        dataset = SentenceDataset(self.corpus)
        nats = torch.zeros(1, dtype=torch.float64)
        for plan in self.plans:
            batch = dataset[plan].to(self.processes.device)
            with autocast(self.processes.device, self.precision):
                nats += float(sentence_loss(model, batch))
        model.train(was_training)
        total = float(self.processes.sum(nats))
        ends = len(self.corpus)
        return Perplexity(total, len(self.corpus.tokens) + ends, self.corpus.num_words + ends)


class TextTask(Task[TextBatch]):
    """A neural language model on sentences, measured by perplexity."""

    unit: ClassVar[str] = "tokens"

    def __init__(
        self,
        config: LmConfig,
        model: NeuralLm[Any],
        train: TokenCorpus,
        dev: TokenCorpus,
        processes: Processes,
    ) -> None:
        params = config.training
        self.config: LmConfig = config
        self.model = model
        self.corpus = train
        self.processes = processes
        self.sampler = SentenceSampler(
            train.lengths,
            params.batch_tokens,
            params.seed,
            processes.world_size,
            processes.rank,
            parts_a_process(params.batch_tokens, params.device_batch_tokens, processes),
        )
        self.dev = TextDevSet(dev, processes, params.precision)

    def make_loader(self) -> DataLoader[TextBatch | UserError]:
        dataset = SentenceDataset(self.corpus)
        return batch_loader(dataset, self.sampler, self.config.training, self.processes)

    def losses(self, model: nn.Module, batch: TextBatch, drawn: None) -> dict[str, Tensor]:
        return {"loss": sentence_loss(model, batch)}

    def count_labels(self, batch: TextBatch) -> int:
        return int(batch.token_lengths.sum()) + len(batch.token_lengths)

    def sizes(self, batch: TextBatch) -> dict[str, float]:
        """Return tokens without and with padding, sentence ends counted, and sentences."""
        sentences, longest = batch.tokens.shape
        return {
            "tokens": float(self.count_labels(batch)),
            "padded_tokens": float(sentences * (longest + 1)),
            "sentences": float(sentences),
        }

    def describe(self, batch: TextBatch) -> list[dict[str, object]]:
        rows = zip(batch.indices, batch.token_lengths.tolist(), strict=True)
        return [{"sentence": index, "labels": labels} for index, labels in rows]

    def describe_data(self) -> str:
        return f"{len(self.corpus)} sentences, {len(self.corpus.tokens)} tokens"

    def describe_error(self, best_error: float) -> str:
        return f"best dev perplexity {best_error:.2f} a token"

    def summarise(self, seen: dict[str, float], best_error: float) -> dict[str, float]:
        return {"tokens_seen": seen.get("tokens", 0.0), "best_dev_perplexity": best_error}


def sentence_loss(model: nn.Module, batch: TextBatch) -> Tensor:
    """Return the negative log-likelihood of a batch's tokens and sentence ends, in nats."""
    inputs, targets = attention_targets(batch.tokens, batch.token_lengths, SOS_EOS_ID)
    return attention_loss(model(inputs), targets, label_smoothing=0.0)


def _exponential(nats: float) -> float:
    return math.exp(nats) if nats < 700.0 else math.inf
