"""An n-gram model of words as a scorer of the tokens that spell them.

A hypothesis stands in a state of the automaton, after its finished words, and at a node of a trie,
within the word that it is spelling. A word's log-probability is paid when the word ends: by the
token that begins the next one, or by the end of the utterance. So that the search need not wait
that long, every token within a word pays the difference that it makes to the best unigram that the
trie still allows (Ortmanns et al. 1996, "Language-model look-ahead for large vocabulary speech
recognition", with unigrams); at the word's end all of that is given back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from asr.lm.automaton import Automaton, expand_ranges
from asr.ngrams.model import Floats, Integers, NgramModel
from asr.ngrams.vocabulary import Spelling, begins_word
from asr.text.tokenizers import Tokenizer
from asr.text.tokenizers.base import SPACE_TOKEN

_ROOT = 0
_NO_WORD = -1


class WordState(NamedTuple):
    """Where hypotheses stand, (N,) each: state of the automaton, node of the trie."""

    history: Tensor
    node: Tensor


@dataclass(frozen=True)
class _Trie:
    """Spellings as arrays: the child that arc i leads to is node i + 1, node 0 is the root.

    Attributes:
        keys: ascending, `node * vocabulary + token` of each arc.
        word: of each node, `_NO_WORD` where none is complete.
        best: the best unigram at or below each node, -inf without one.
    """

    keys: Integers
    word: Integers
    best: Floats

    @classmethod
    def of(cls, spellings: list[list[int]], words: Integers, scores: Floats, size: int) -> _Trie:
        """Build the trie of `spellings` over `size` tokens.

        Of several words with one spelling the one of the best score is kept.
        """
        lengths = np.array([len(tokens) for tokens in spellings])
        node = np.zeros(len(spellings), dtype=np.int64)
        keys, num_nodes, levels = [], 1, []
        for depth in range(int(lengths.max())):
            going = np.flatnonzero(lengths > depth)
            token = np.array([spellings[i][depth] for i in going])
            arcs, child = np.unique(node[going] * size + token, return_inverse=True)
            keys.append(arcs)
            levels.append(slice(num_nodes, num_nodes + len(arcs)))
            node[going] = num_nodes + child
            num_nodes += len(arcs)
        all_keys = np.concatenate(keys)
        by_score = np.argsort(scores, kind="stable")
        word = np.full(num_nodes, _NO_WORD)
        word[node[by_score]] = words[by_score]
        best = np.full(num_nodes, -np.inf)
        best[node[by_score]] = scores[by_score]
        parent = np.concatenate([[0], all_keys // size])
        for level in reversed(levels):
            np.maximum.at(best, parent[level], best[level])
        return cls(all_keys, word, best)


class WordNgramScorer:
    """A model of words that the tokenizer spells, see the module.

    What a hypothesis gains in all is the log-probability of its words and the end. A word that is
    not in the model, or that is not spelled as the tokenizer would, is an unknown one, see
    `Automaton`.
    """

    def __init__(
        self,
        model: NgramModel,
        spelling: Spelling,
        tokenizer: Tokenizer[Any],
        device: torch.device,
    ) -> None:
        self._automaton = automaton = Automaton(model, device)
        self._vocab_size = tokenizer.vocab_size
        begins = [begins_word(token) for token in tokenizer.tokens]
        self._begins = torch.tensor(begins, device=device)
        trie, space_node = _build_trie(model, spelling, tokenizer)
        # The last node is that of words that are not in the trie; it has no way out.
        self._lost = len(trie.word)
        inside = space_node if spelling.starts_inside else None
        self._start_node = _ROOT if inside is None else inside

        word = np.append(np.where(trie.word == _NO_WORD, automaton.unknown, trie.word), 0)
        word[self._lost] = automaton.unknown
        empty = [_ROOT] if space_node is None else [_ROOT, space_node]
        word[empty] = _NO_WORD
        self._word = torch.from_numpy(word).to(device)
        best = np.append(trie.best, float(automaton.unigram[automaton.unknown]))
        best[empty] = 0.0
        self._best = torch.from_numpy(best).to(device, automaton.unigram.dtype)

        self._keys = torch.from_numpy(trie.keys).to(device)
        bounds = np.arange(self._lost + 2) * self._vocab_size
        self._first = torch.from_numpy(np.searchsorted(trie.keys, bounds)).to(device)
        # Where a token that begins a word leads, from whatever node.
        labels = torch.arange(self._vocab_size, device=device)
        self._node_of_first = self._child(torch.full_like(labels, _ROOT), labels)

    def initial_state(self, num_hypotheses: int, device: torch.device) -> WordState:
        """Return the state of hypotheses without labels; `device` is that of the scorer."""
        history = torch.full((num_hypotheses,), self._automaton.start, device=device)
        return WordState(history, torch.full_like(history, self._start_node))

    def gains(self, state: WordState, candidates: Tensor | None) -> Tensor:
        """Return what each next label adds, (N, M) or (N, V)."""
        owed = self._best[state.node][:, None]
        ended = self._end_of_word(state)[0][:, None]
        if candidates is None:
            return self._all_gains(state.node, ended) - owed
        begins = self._begins[candidates]
        inside = self._child(state.node[:, None].expand_as(candidates), candidates)
        child = torch.where(begins, self._node_of_first[candidates], inside)
        return self._best[child] + torch.where(begins, ended, 0.0) - owed

    def final_gains(self, state: WordState) -> Tensor:
        """Return what the last word and the end add, (N,)."""
        ended, history = self._end_of_word(state)
        end = torch.full_like(history, self._automaton.end)
        return ended - self._best[state.node] + self._automaton.follow(history, end).log_prob

    def advance(self, state: WordState, rows: Tensor, labels: Tensor) -> WordState:
        """Return the state (M,) after `labels`; a negative label is none."""
        before = WordState(state.history[rows], state.node[rows])
        given = labels.clamp(min=0)
        begins = self._begins[given]
        inside = self._child(before.node, given)
        node = torch.where(begins, self._node_of_first[given], inside)
        history = torch.where(begins, self._end_of_word(before)[1], before.history)
        stays = labels < 0
        return WordState(
            torch.where(stays, before.history, history), torch.where(stays, before.node, node)
        )

    def _end_of_word(self, state: WordState) -> tuple[Tensor, Tensor]:
        """End the word at each node: what it costs and the history after it, (N,) each."""
        word = self._word[state.node]
        is_word = word != _NO_WORD
        arcs = self._automaton.follow(state.history, word.clamp(min=0))
        return torch.where(is_word, arcs.log_prob, 0.0), torch.where(
            is_word, arcs.next, state.history
        )

    def _child(self, node: Tensor, label: Tensor) -> Tensor:
        """Return the node that `label` leads to, both of one shape."""
        wanted = node * self._vocab_size + label
        place = torch.searchsorted(self._keys, wanted).clamp(max=self._keys.numel() - 1)
        return torch.where(self._keys[place] == wanted, place + 1, self._lost)

    def _all_gains(self, node: Tensor, ended: Tensor) -> Tensor:
        """Return, for all labels, what they pay before what is owed is given back, (N, V)."""
        inside = self._best[self._lost].expand(len(node), self._vocab_size).clone()
        first = self._first[node]
        rows, places = expand_ranges(first, self._first[node + 1] - first)
        inside[rows, self._keys[places] % self._vocab_size] = self._best[places + 1]
        return torch.where(self._begins, self._best[self._node_of_first] + ended, inside)


def _build_trie(
    model: NgramModel, spelling: Spelling, tokenizer: Tokenizer[Any]
) -> tuple[_Trie, int | None]:
    """Return the trie, and its node behind the token for a space alone, which is no word yet."""
    words = np.array([model.word_ids[word] for word in spelling.words])
    spellings, scores = list(spelling.words.values()), model.log_prob[words]
    if SPACE_TOKEN not in tokenizer.tokens:
        return _Trie.of(spellings, words, scores, tokenizer.vocab_size), None
    space = tokenizer.tokens.index(SPACE_TOKEN)
    trie = _Trie.of(
        [*spellings, [space]],
        np.append(words, _NO_WORD),
        np.append(scores, -np.inf),
        tokenizer.vocab_size,
    )
    return trie, int(np.searchsorted(trie.keys, space)) + 1
