"""Text as tokens, and batches of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from asr.config.tokenizer import CharTokenizerParams
from asr.errors import UserError
from asr.lm.batches import SentenceDataset, SentenceSampler, batches_of_like_length
from asr.lm.corpus import describe_texts, encode_corpus, load_corpus, store_corpus
from asr.text.tokenizers import Tokenizer, train_tokenizer

TEXTS = ["ab ba", "a", "bab abba ab", "b a b a"]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer("CharTokenizer", CharTokenizerParams(), TEXTS)


@pytest.fixture(scope="module")
def lengths() -> np.ndarray:
    return np.random.default_rng(0).integers(1, 40, size=3000)


def batches(sampler: SentenceSampler, epoch: int) -> list[list[int]]:
    return [batch.tolist() for batch in sampler.global_batches(epoch)]


def test_a_corpus_holds_what_the_tokenizer_says(tokenizer: Tokenizer) -> None:
    corpus = encode_corpus(TEXTS, tokenizer, max_tokens=100)
    assert [corpus.sentence(i).tolist() for i in range(len(corpus))] == [
        tokenizer.encode(text) for text in TEXTS
    ]
    assert corpus.num_words == 2 + 1 + 3 + 4


def test_long_lines_are_cut(tokenizer: Tokenizer) -> None:
    corpus = encode_corpus(["ab" * 10], tokenizer, max_tokens=8)
    assert corpus.lengths.tolist() == [8, 8, 4]
    assert corpus.tokens.tolist() == tokenizer.encode("ab" * 10)


def test_a_stored_corpus_is_made_once(tokenizer: Tokenizer, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("\n".join(TEXTS) + "\n")
    described = describe_texts([text])
    assert described["lines"] == 4
    store_corpus(tmp_path / "text", "dev", [text], described, tokenizer, 100)
    stored = tmp_path / "text" / "dev.tokens.npy"
    written = stored.stat().st_mtime_ns
    store_corpus(tmp_path / "text", "dev", [text], described, tokenizer, 100)
    assert stored.stat().st_mtime_ns == written
    corpus = load_corpus(tmp_path / "text", "dev")
    expected = encode_corpus(TEXTS, tokenizer, 100)
    assert corpus.tokens.tolist() == expected.tokens.tolist()
    assert corpus.num_words == expected.num_words
    store_corpus(tmp_path / "text", "dev", [text], described, tokenizer, 8)
    assert stored.stat().st_mtime_ns != written


def test_empty_text_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("\n  \n")
    with pytest.raises(UserError, match=r"text\.txt: holds no text"):
        describe_texts([text])


def test_an_epoch_is_every_sentence_once(lengths: np.ndarray) -> None:
    sampler = SentenceSampler(lengths, batch_tokens=500, seed=1)
    found = batches(sampler, 0)
    assert sorted(index for batch in found for index in batch) == list(range(len(lengths)))
    assert len(found) == sampler.count_batches(0)
    padded = [len(batch) * (lengths[batch].max() + 1) for batch in found]
    assert max(padded) <= 500
    assert sum(padded) < 1.1 * (lengths + 1).sum()


def test_batches_depend_on_seed_and_epoch_alone(lengths: np.ndarray) -> None:
    one, again = (SentenceSampler(lengths, 500, seed=1) for _ in range(2))
    assert batches(one, 3) == batches(again, 3)
    assert batches(one, 3) != batches(one, 4)
    assert batches(one, 3) != batches(SentenceSampler(lengths, 500, seed=2), 3)


def test_processes_and_parts_share_each_batch(lengths: np.ndarray) -> None:
    expected = batches(SentenceSampler(lengths, 500, seed=1), 0)
    samplers = [SentenceSampler(lengths, 500, 1, 2, rank, accumulation=2) for rank in (0, 1)]
    plans = [list(sampler) for sampler in samplers]
    for index, batch in enumerate(expected):
        parts = [plan for own in plans for plan in own[2 * index : 2 * index + 2]]
        shared = [i for part in parts if not part.is_filler for i in part.indices.tolist()]
        assert sorted(shared) == sorted(batch)
        assert all(len(part.indices) for part in parts)


def test_an_epoch_can_be_entered_in_its_middle(lengths: np.ndarray) -> None:
    sampler = SentenceSampler(lengths, 500, seed=1)
    sampler.set_position(2, 0)
    whole = [plan.indices.tolist() for plan in sampler]
    sampler.set_position(2, 7)
    assert [plan.indices.tolist() for plan in sampler] == whole[7:]


def test_a_sentence_longer_than_a_batch_stands_alone() -> None:
    found = batches_of_like_length(np.array([3, 90, 4]), np.arange(3), batch_tokens=20)
    assert [batch.tolist() for batch in found] == [[1], [2, 0]]


def test_a_batch_is_padded(tokenizer: Tokenizer) -> None:
    corpus = encode_corpus(TEXTS, tokenizer, 100)
    (plan,) = SentenceSampler(corpus.lengths, 1000, seed=0)
    batch = SentenceDataset(corpus)[plan]
    for index, row, length in zip(batch.indices, batch.tokens, batch.token_lengths, strict=True):
        assert row[:length].tolist() == corpus.sentence(index).tolist()
        assert not row[length:].any()
