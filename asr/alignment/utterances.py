"""Aligning the transcripts of a batch of utterances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from lhotse.cut import Cut

from asr.bundle import Bundle
from asr.corpora.feasibility import cut_text
from asr.decoding.base import scores_not_finite
from asr.decoding.forced_alignment import align_tokens
from asr.decoding.hypothesis import Hypothesis
from asr.decoding.timing import place_in_time, spell_words
from asr.devices import memory_errors
from asr.feeding.batches.dataset import collate_features
from asr.signal.features.fbank import FbankExtractor
from asr.signal.features.loading import load_finite_features


@dataclass(frozen=True)
class AlignedUtterance:
    """A transcript in time.

    Attributes:
        duration: seconds.
        score: mean natural log-probability a frame of the best alignment; the lower, the worse do
            transcript and audio fit.
        transcript: tokens and words with times from the start of the utterance.
    """

    id: str
    duration: float
    score: float
    transcript: Hypothesis


@torch.inference_mode()
def align_batch(
    bundle: Bundle, extractor: FbankExtractor, cuts: Sequence[Cut]
) -> list[AlignedUtterance | None]:
    """Align the transcript of each cut with its audio (Viterbi over CTC's topology).

    The encoder sees what it was trained for: whole utterances, or its fixed chunks.

    Returns:
        None for a cut whose transcript CTC cannot emit in its frames.

    Raises:
        UserError: the model's scores of a cut are not numbers.
    """
    model, tokenizer = bundle.model, bundle.tokenizer
    device = model.device
    batch, lengths = collate_features([load_finite_features(cut, extractor) for cut in cuts])
    with memory_errors(f"encoding a batch of {tuple(batch.shape)} features"):
        encodings, lengths = model.encode(
            batch.to(device), lengths.to(device), model.encoder.trained_chunking
        )
    aligned: list[AlignedUtterance | None] = []
    for cut, scores, length in zip(
        cuts, model.ctc_log_probs(encodings), lengths.tolist(), strict=True
    ):
        if scores[:length].isnan().any():
            raise scores_not_finite(f"utterance '{cut.id}'")
        tokens = tokenizer.encode(cut_text(cut))
        (alignment,) = align_tokens(scores[:length], [tokens])
        if alignment is None:
            aligned.append(None)
            continue
        transcript = Hypothesis(tokens, alignment.log_prob)
        place_in_time(transcript, alignment, bundle.seconds_per_encoding)
        # The last frame may reach past the audio by less than a feature frame.
        transcript.ends = [min(end, cut.duration) for end in transcript.ends]
        spell_words(transcript, tokenizer, part_at_pauses=False)
        aligned.append(
            AlignedUtterance(cut.id, cut.duration, alignment.log_prob / length, transcript)
        )
    return aligned
