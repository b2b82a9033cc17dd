"""The dev set during training: loss and greedy word error rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import kaldialign
import torch
from lhotse.cut import Cut

from asr.config.decoding import DecodingOptions
from asr.config.training import Precision
from asr.decoding.registry import decode
from asr.devices import autocast
from asr.feeding.batches.dataset import Batch, SpeechDataset
from asr.feeding.batches.sampling import BatchPlan, duration_batches
from asr.models import AsrModel, Evaluation
from asr.text.scripts import split_words
from asr.text.tokenizers import Tokenizer
from asr.training.distributed import Processes

MAX_BATCH_DURATION = 120.0  # padded seconds


@dataclass(frozen=True)
class DevResult:
    """Loss a label, and errors / reference tokens of greedy CTC decoding."""

    loss: float
    errors: int
    reference_tokens: int

    @property
    def wer(self) -> float:
        """Errors a reference word; a Han or kana character is a word."""
        return self.errors / max(self.reference_tokens, 1)

    @property
    def error(self) -> float:
        """What checkpoints are chosen by."""
        return self.wer

    def values(self) -> dict[str, float]:
        """Return what `metrics.jsonl` keeps."""
        return {
            "loss": self.loss,
            "wer": self.wer,
            "errors": self.errors,
            "reference_tokens": self.reference_tokens,
        }

    def __str__(self) -> str:
        counts = f"{self.errors} / {self.reference_tokens}"
        return f"loss {self.loss:.4f}, greedy error rate {100 * self.wer:.2f} % ({counts})"


class DevSet:
    """A dev set ready to be evaluated many times, with the chunking that the model is trained for.

    Its features are kept in memory after the first time.
    """

    def __init__(
        self,
        cuts: Sequence[Cut],
        dataset: SpeechDataset,
        processes: Processes,
        precision: Precision = "fp32",
    ) -> None:
        self.processes = processes
        self.precision = precision
        self.dataset = dataset
        batches = duration_batches(cuts, MAX_BATCH_DURATION)
        self.plans = [BatchPlan(0, b) for b in batches][processes.rank :: processes.world_size]
        self.loaded: list[Batch] = []

    @torch.inference_mode()
    def evaluate(self, model: AsrModel) -> DevResult:
        """Return loss and errors over all processes; the model's mode is restored."""
        if not self.loaded:
            self.loaded = [self.dataset[plan] for plan in self.plans]
        was_training = model.training
        model.eval()
        sums = torch.zeros(4, dtype=torch.float64)
        for batch in self.loaded:
            sums += self._evaluate_batch(model, batch.to(self.processes.device))
        model.train(was_training)
        loss, labels, errors, reference_tokens = self.processes.sum(sums).tolist()
        return DevResult(loss / max(labels, 1.0), round(errors), round(reference_tokens))

    def _evaluate_batch(self, model: AsrModel, batch: Batch) -> torch.Tensor:
        with autocast(self.processes.device, self.precision):
            evaluation: Evaluation = model(
                batch.features,
                batch.feature_lengths,
                batch.tokens,
                batch.token_lengths,
                model.encoder.trained_chunking,
            )
            hypotheses = decode(
                "ctc-greedy",
                model,
                evaluation.encodings,
                evaluation.lengths,
                DecodingOptions(),
                seconds_per_frame=1.0,
                with_times=False,
            )
        best = [n_best[0].tokens for n_best in hypotheses]
        errors, total = count_errors(best, batch.texts, self.dataset.tokenizer)
        labels = int(batch.token_lengths.sum())
        return torch.tensor(
            [float(evaluation.losses["loss"]), labels, errors, total], dtype=torch.float64
        )


def count_errors(
    hypotheses: Sequence[list[int]], references: Sequence[str], tokenizer: Tokenizer[Any]
) -> tuple[int, int]:
    """Return errors and reference words of decoded token ids; a Han character is a word."""
    errors, total = 0, 0
    for tokens, text in zip(hypotheses, references, strict=True):
        reference = split_words(tokenizer.canonical(text))
        hypothesis = split_words(tokenizer.decode(tokens))
        errors += kaldialign.edit_distance(reference, hypothesis)["total"]
        total += len(reference)
    return errors, total
