"""When the tokens and words of a hypothesis were spoken, and how sure the model is of them.

One rule serves every method, since not every search looks at frames: the tokens are placed by the
most probable CTC alignment. A token lasts from the first frame that emits it to the end of the
last one, in the batch of frames that the encoder saw; a word from its first token's start to its
last token's end. CTC emits a token for a few frames only (Graves et al. 2006, figure 1), so that a
word of one token is shorter than it was spoken.

The confidence of a token is its posterior probability under CTC in the best of its frames; that of
a word is the geometric mean over its tokens, so that long words are not doubted for their length.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from asr.data.formats.ctm import CtmWord
from asr.decoding.base import AttentionDecoder, DecodableModel
from asr.decoding.forced_alignment import TokenAlignment, align_tokens
from asr.decoding.hypothesis import Hypothesis, TokenPath, Word
from asr.text.scripts import split_words
from asr.text.tokenizers import Tokenizer


class CtcOnce:
    """A model that computes the CTC scores of one batch once, for the search and for the times."""

    def __init__(self, model: DecodableModel) -> None:
        self._model = model
        self._encodings: Tensor | None = None
        self._log_probs: Tensor | None = None

    @property
    def decoder(self) -> AttentionDecoder | None:
        """The attention decoder, where the model has one."""
        return self._model.decoder

    def ctc_log_probs(self, encodings: Tensor) -> Tensor:
        """Return log-softmax scores (B, T', V) for encodings (B, T', D)."""
        if self._log_probs is None or self._encodings is not encodings:
            self._log_probs = self._model.ctc_log_probs(encodings)
            self._encodings = encodings
        return self._log_probs


def timed_hypotheses(
    n_best: Sequence[Sequence[TokenPath]],
    log_probs: Tensor | None,
    lengths: Tensor,
    seconds_per_frame: float,
) -> list[list[Hypothesis]]:
    """Turn the paths of each utterance into hypotheses, placed in time.

    Args:
        log_probs: (B, T', V), log-softmax CTC scores; None leaves the times out.
        lengths: (B,), frames that are real.
        seconds_per_frame: duration of one encoder frame.
    """
    results = [
        [
            Hypothesis(path.tokens, path.score, text=path.text or "", complete=path.complete)
            for path in paths
        ]
        for paths in n_best
    ]
    if log_probs is None:
        return results
    for hypotheses, scores, length in zip(results, log_probs, lengths.tolist(), strict=True):
        alignments = align_tokens(scores[:length], [h.tokens for h in hypotheses])
        for hypothesis, alignment in zip(hypotheses, alignments, strict=True):
            if alignment is not None:
                place_in_time(hypothesis, alignment, seconds_per_frame)
    return results


def place_in_time(
    hypothesis: Hypothesis, alignment: TokenAlignment, seconds_per_frame: float
) -> None:
    """Fill in times and confidences of the tokens."""
    hypothesis.timestamps = [frame * seconds_per_frame for frame in alignment.starts]
    hypothesis.ends = [frame * seconds_per_frame for frame in alignment.ends]
    hypothesis.confidences = alignment.confidences


def spell_words(hypothesis: Hypothesis, tokenizer: Tokenizer[Any]) -> None:
    """Fill in the text and, where the tokens are placed in time, the words."""
    spelled = tokenizer.decode(hypothesis.tokens)
    hypothesis.text = tokenizer.spaced(hypothesis.text) or spelled  # a graph knows its words
    if len(hypothesis.timestamps) != len(hypothesis.tokens):
        return
    hypothesis.words = [
        Word(
            text=span.text,
            start=hypothesis.timestamps[span.first],
            end=hypothesis.ends[span.last],
            confidence=_geometric_mean(hypothesis.confidences[span.first : span.last + 1]),
        )
        for span in tokenizer.words(hypothesis.tokens)
    ]
    if hypothesis.text != spelled:
        hypothesis.words = _renamed(hypothesis.words, hypothesis.text)


def ctm_words(name: str, words: Iterable[Word]) -> list[CtmWord]:
    """Return the words as lines of a CTM file under a name, channel 1."""
    return [
        CtmWord(name, "1", word.start, word.end - word.start, word.text, word.confidence)
        for word in words
    ]


def _renamed(words: list[Word], text: str) -> list[Word]:
    """Return words with the names that `text` has for them.

    A lexicon may spell a word as it is not written. Where the tokens make another number of words
    than `text` has, no times can be told, and nothing is returned.
    """
    names = split_words(text)
    if len(names) != len(words):
        return []
    return [replace(word, text=name) for word, name in zip(words, names, strict=True)]


def _geometric_mean(values: Sequence[float]) -> float:
    if min(values) <= 0.0:
        return 0.0
    return min(math.exp(math.fsum(map(math.log, values)) / len(values)), 1.0)
