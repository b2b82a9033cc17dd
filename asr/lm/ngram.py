"""N-gram language models as scorers of labels (see `asr.decoding.fusion.LabelScorer`)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from asr.errors import UserError
from asr.files import PathLike
from asr.lm.automaton import Automaton
from asr.lm.word_ngram import WordNgramScorer
from asr.ngrams.arpa import read_arpa
from asr.ngrams.model import NgramModel
from asr.ngrams.vocabulary import check_spelled, is_of_tokens, plain_words, spell_words
from asr.text.tokenizers import Tokenizer


def load_ngram(
    path: PathLike, tokenizer: Tokenizer[Any], device: torch.device
) -> TokenNgramScorer | WordNgramScorer:
    """Read an ARPA file and make it a scorer of the tokenizer's labels.

    Its words are tokens or words that the tokenizer spells: they tell themselves which.

    Raises:
        UserError: see `read_arpa` and `ngram_scorer`.
    """
    return ngram_scorer(read_arpa(path), tokenizer, device, path)


def ngram_scorer(
    model: NgramModel, tokenizer: Tokenizer[Any], device: torch.device, where: PathLike
) -> TokenNgramScorer | WordNgramScorer:
    """Make a model that was read from `where` a scorer of the tokenizer's labels.

    Raises:
        UserError: most of its words are neither tokens nor words that the tokenizer spells.
    """
    words = plain_words(model.words)
    if not words:
        raise UserError("no word in it but sentence marks", where=str(where))
    spelling = spell_words(words, tokenizer)
    if is_of_tokens(words, spelling, tokenizer):
        return TokenNgramScorer(model, tokenizer, device)
    check_spelled(words, spelling, tokenizer, where)
    return WordNgramScorer(model, spelling, tokenizer, device)


class TokenNgramScorer:
    """A model whose words are tokens; the state is the automaton's, (N,).

    Labels that the model has not are scored as unknown words, see `Automaton`.
    """

    greatest_gain = 0.0

    def __init__(self, model: NgramModel, tokenizer: Tokenizer[Any], device: torch.device) -> None:
        self._automaton = Automaton(model, device)
        ids, unknown = model.word_ids, self._automaton.unknown
        words = [ids.get(token, unknown) for token in tokenizer.tokens]
        self._word_of_label = torch.tensor(words, device=device)

    def initial_state(self, num_hypotheses: int, device: torch.device) -> Tensor:
        """Return the state of hypotheses without labels; `device` is that of the scorer."""
        return torch.full((num_hypotheses,), self._automaton.start, device=device)

    def gains(self, state: Tensor, candidates: Tensor | None) -> Tensor:
        """Return the log-probabilities of the next label, (N, M) or (N, V)."""
        if candidates is None:
            return self._automaton.all_log_probs(state)[:, self._word_of_label]
        words = self._word_of_label[candidates]
        return self._automaton.follow(state[:, None].expand_as(words), words).log_prob

    def final_gains(self, state: Tensor) -> Tensor:
        """Return the log-probabilities of the end, (N,)."""
        return self._automaton.follow(state, torch.full_like(state, self._automaton.end)).log_prob

    def advance(self, state: Tensor, rows: Tensor, labels: Tensor) -> Tensor:
        """Return the states (M,) after `labels`; a negative label is none."""
        before = state[rows]
        words = self._word_of_label[labels.clamp(min=0)]
        return torch.where(labels < 0, before, self._automaton.follow(before, words).next)
