"""When the tokens and words of a hypothesis were spoken, and how sure the model is of them.

One rule serves every method, since not every search looks at frames: the tokens are placed by the
most probable CTC alignment. A token lasts from the first frame that emits it to the end of the
last one, in the batch of frames that the encoder saw; a word from its first token's start to its
last token's end. CTC emits a token for a few frames only (Graves et al. 2006, figure 1), so that a
word of one token is shorter than it was spoken.

Nobody pauses within a word. Where two letters of one word lie further apart than a pause, a word
ends and another begins, though the model wrote nothing between them: models that were trained on
short utterances never heard what goes on behind a pause, and write both sides as one word.

The confidence of a token is its posterior probability under CTC in the best of its frames; that of
a word is the geometric mean over its tokens, so that long words are not doubted for their length.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from asr.corpora.formats.ctm import CtmWord
from asr.decoding.base import AttentionDecoder, DecodableModel
from asr.decoding.forced_alignment import TokenAlignment, align_tokens
from asr.decoding.hypothesis import Hypothesis, TokenPath, Word
from asr.text.scripts import is_cjk, split_words
from asr.text.tokenizers import Tokenizer
from asr.text.tokenizers.base import SPACE_TOKEN

# Of 8,162 letters in words of egs/mini's dev and test none lies further from the next than 0.16 s,
# and of 160 words over pauses of 0.2 s and more none was closer than 0.44 s.
SHORTEST_PAUSE = 0.3  # seconds without a letter that no word has
SECONDS_A_LETTER = 0.05  # seconds, quickly spoken


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


def spell_words(
    hypothesis: Hypothesis, tokenizer: Tokenizer[Any], part_at_pauses: bool = True
) -> None:
    """Fill in the text and, where the tokens are placed in time, the words.

    Args:
        part_at_pauses: False for tokens whose words are known, as those of a transcript are.
    """
    spelled = tokenizer.decode(hypothesis.tokens)
    hypothesis.text = tokenizer.spaced(hypothesis.text) or spelled  # a graph knows its words
    if len(hypothesis.timestamps) != len(hypothesis.tokens):
        return
    pauses: list[int] = []
    if part_at_pauses and hypothesis.text == spelled:
        pauses = _pauses(hypothesis, tokenizer)
    hypothesis.words = [
        Word(
            text=span.text,
            start=hypothesis.timestamps[span.first],
            end=hypothesis.ends[span.last],
            confidence=_geometric_mean(hypothesis.confidences[span.first : span.last + 1]),
        )
        for span in tokenizer.words(hypothesis.tokens, pauses)
    ]
    if hypothesis.text != spelled:
        hypothesis.words = _renamed(hypothesis.words, hypothesis.text)
    elif pauses:
        hypothesis.text = _parted(hypothesis.text, hypothesis.words)


def _pauses(hypothesis: Hypothesis, tokenizer: Tokenizer[Any]) -> list[int]:
    """Return the tokens, by position, behind which somebody paused.

    CTC emits a token of several letters at one moment of them, so that those around it are as far
    away as it takes to say them.
    """
    lengths = [len(tokenizer.letters(token).strip(SPACE_TOKEN)) for token in hypothesis.tokens]
    return [
        position
        for position, (end, start) in enumerate(
            zip(hypothesis.ends, hypothesis.timestamps[1:], strict=False)
        )
        if start - end
        > SHORTEST_PAUSE
        + SECONDS_A_LETTER * sum(max(n - 1, 0) for n in lengths[position : position + 2])
    ]


def _parted(text: str, words: Sequence[Word]) -> str:
    """Return a text with a space between any two of its words that it writes as one."""
    parts, reached = [], 0
    for word in words:
        start = text.index(word.text, reached)
        if 0 < start == reached and not (is_cjk(text[start - 1]) or is_cjk(text[start])):
            parts.append(" ")
        parts += [text[reached:start], word.text]
        reached = start + len(word.text)
    return "".join([*parts, text[reached:]])


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
