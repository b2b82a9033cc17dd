"""Which utterances CTC can train on, by the exact rule."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import torch
from lhotse.cut import Cut
from torch import Tensor

from asr.config.features import FbankParams
from asr.corpora.faults.reasons import Reason
from asr.corpora.faults.rejections import Rejection, count_reasons
from asr.signal.features.fbank import num_frames
from asr.text.tokenizers import Tokenizer, other_case, unknown_characters


def required_ctc_length(tokens: list[int]) -> int:
    """Return the fewest frames CTC can emit `tokens` in: one a label, a blank between equals."""
    repeats = sum(left == right for left, right in itertools.pairwise(tokens))
    return len(tokens) + repeats


def split_feasible(
    cuts: Iterable[Cut],
    tokenizer: Tokenizer[Any],
    features: FbankParams,
    output_lengths: Callable[[Tensor], Tensor],
    unknown_tokens: Literal["reject", "keep"],
) -> tuple[list[Cut], list[Rejection]]:
    """Part the cuts into those CTC can train on and the rest.

    An utterance is trainable iff `output_lengths(T) >= tokens + adjacent repeats`
    (`required_ctc_length`), T being its feature frames.

    Args:
        output_lengths: the encoder's own function of feature lengths (B,).
        unknown_tokens: whether a transcript with characters outside the vocabulary is rejected.
    """
    cuts = list(cuts)
    frames = [num_frames(cut.num_samples, features) for cut in cuts]
    encoded = output_lengths(torch.tensor(frames, dtype=torch.long)).tolist()
    kept, rejected = [], []
    for cut, available in zip(cuts, encoded, strict=True):
        fault = _fault(cut_text(cut), available, tokenizer, unknown_tokens)
        if fault is None:
            kept.append(cut)
        else:
            rejected.append(Rejection(cut.id, None, *fault, duration=cut.duration))
    return kept, rejected


def feasibility_advice(
    rejected: Sequence[Rejection], texts: Iterable[str], tokenizer: Tokenizer[Any]
) -> str:
    """Return what to do about most of the utterances that `split_feasible` set aside.

    Args:
        texts: transcripts among which theirs are.
    """
    (name, _), *_ = count_reasons(rejected).items()
    if name == Reason.TOO_SHORT_FOR_TEXT.value:
        return (
            "Look whether the transcripts are those of the audio; else lower"
            " encoder_params.subsampling_factor, or use larger subwords."
        )
    if name != Reason.UNKNOWN_TOKEN.value:
        return "Mend the data."
    case = other_case(tokenizer, unknown_characters(tokenizer, texts))
    if case:
        return (
            f"The tokenizer knows them as {case}: write the transcripts so, or build a tokenizer"
            " with a normaliser (tokenizer_params.normaliser, docs/text.md)."
        )
    return (
        "The tokenizer was built from other text: build one from these transcripts (asr tokenizer),"
        " or take the characters out of them."
    )


def cut_text(cut: Cut) -> str:
    """Return the transcript of a cut, its supervisions joined by spaces."""
    return " ".join(supervision.text or "" for supervision in cut.supervisions).strip()


def _fault(
    text: str, available: int, tokenizer: Tokenizer[Any], unknown_tokens: str
) -> tuple[Reason, str] | None:
    tokens = tokenizer.encode(text)
    if not tokens:
        return Reason.EMPTY_TRANSCRIPT, "no tokens"
    if unknown_tokens == "reject" and tokenizer.unk_id in tokens:
        missing = "".join(sorted(unknown_characters(tokenizer, [text])))
        return Reason.UNKNOWN_TOKEN, f"characters outside the vocabulary: {missing}"
    required = required_ctc_length(tokens)
    if available < required:
        detail = f"{available} encoder frames, {required} needed for {len(tokens)} tokens"
        return Reason.TOO_SHORT_FOR_TEXT, detail
    return None
