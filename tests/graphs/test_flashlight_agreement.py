"""A graph finds what flashlight's lexicon decoder finds with the same lexicon and KenLM.

The inputs are peaked: flashlight leaves a word's last token after one frame, so that it misses the
best alignment where that token lasts.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from graph_reference import (
    decode_with,
    make_graph,
    make_tokenizer,
    random_bigrams,
    random_scores,
    write_arpa,
)
from torchaudio.models.decoder import ctc_decoder

from asr.text.tokenizers import Tokenizer

WORDS = ["on", "noon", "know", "one", "no", "now", "known", "own"]


def flashlight(tokenizer: Tokenizer, arpa: Path, folder: Path):
    """Return its decoder: every word, no beam to speak of, Viterbi over alignments."""
    lexicon = folder / "lexicon.txt"
    spelled = {word: [tokenizer.tokens[i] for i in tokenizer.encode(word)] for word in WORDS}
    lexicon.write_text("".join(f"{word} {' '.join(s)}\n" for word, s in spelled.items()))
    return ctc_decoder(
        lexicon=str(lexicon),
        tokens=tokenizer.tokens,
        lm=str(arpa),
        nbest=1,
        beam_size=2_000,
        beam_threshold=1e6,
        lm_weight=math.log(10),  # KenLM's scores are powers of ten
        blank_token=tokenizer.tokens[tokenizer.blank_id],
        sil_token=tokenizer.tokens[tokenizer.sos_eos_id],  # has a place in its trie, never a score
        unk_word="<unk>",
    )


def spoken(tokenizer: Tokenizer, num_words: int, seed: int) -> np.ndarray:
    """Return log-probs (T, V) of random words: a token stands out in a frame, then blank does."""
    rng = np.random.default_rng(seed)
    tokens = tokenizer.encode(" ".join(rng.choice(WORDS, num_words)))
    log_probs = random_scores(2 * len(tokens) + 1, tokenizer.vocab_size, seed)
    log_probs[:, tokenizer.sos_eos_id] = -1e4
    log_probs[0::2, tokenizer.blank_id] += 6.0
    # One in three is hardly heard: there the language model decides.
    log_probs[np.arange(1, len(log_probs), 2), tokens] += rng.choice([0.5, 4.0, 4.0], len(tokens))
    return log_probs


@pytest.mark.parametrize("num_words", [1, 3, 5])
def test_same_words_same_score(num_words: int, tmp_path: Path) -> None:
    texts = [f"{one} {other}" for one in WORDS for other in WORDS]
    tokenizer = make_tokenizer(tmp_path, texts, "BpeTokenizer", vocab_size=16)
    ngrams = random_bigrams([*WORDS, "<unk>"], seed=num_words)
    arpa = write_arpa(tmp_path / "lm.arpa", ngrams)
    graph = make_graph(tmp_path, tokenizer, arpa=arpa, kind="hlg")
    decoder = flashlight(tokenizer, arpa, tmp_path)
    told = set()
    for seed in range(6):
        log_probs = spoken(tokenizer, num_words, seed)
        (expected, *_) = decoder(torch.from_numpy(log_probs)[None])[0]
        (found, *_) = decode_with(graph, log_probs, graph_beam=1000.0, max_active=10**6)
        assert (found.text or "").split() == expected.words
        assert found.score == pytest.approx(expected.score, abs=1e-4)
        told.add(found.text)
    assert len(told) > 2
