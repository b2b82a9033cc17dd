"""N-gram models as scorers of labels, against KenLM and a plain-Python reading of the file."""

from __future__ import annotations

import math
import random
from types import SimpleNamespace

import pytest
import torch

from asr.config.tokenizer import (
    BpeTokenizerParams,
    ByteBpeTokenizerParams,
    CharTokenizerParams,
    MixedTokenizerParams,
)
from asr.decoding.fusion import score_sequences
from asr.decoding.resources import ResourcePaths, load_resources
from asr.errors import UserError
from asr.lm.ngram import TokenNgramScorer, load_ngram
from asr.lm.word_ngram import WordNgramScorer
from asr.text.symbols import UNK_ID
from asr.text.tokenizers import BpeTokenizer, ByteBpeTokenizer, CharTokenizer, MixedTokenizer
from tests.lm.arpa_reference import WORDS, ArpaReference, write_random_arpa

CPU = torch.device("cpu")
ENGLISH = ["a cab", "ab ba cab", "b a cabby", "baa"]
MANDARIN = ["今天天气", "天今气"]


def char_tokenizer(texts=ENGLISH):
    return CharTokenizer.train(texts, CharTokenizerParams())


def bpe_tokenizer(vocab_size=12):
    return BpeTokenizer.train(ENGLISH, BpeTokenizerParams(vocab_size=vocab_size))


def plain_tokens(tokenizer):
    return tokenizer.tokens[3:]


def known_tokens(tokenizer):
    """All tokens but one, which a model of them then has not."""
    return [token for token in plain_tokens(tokenizer) if token != "y"]


def random_labels(tokenizer, count, longest, seed=0):
    draw = random.Random(seed)
    labels = range(UNK_ID, tokenizer.vocab_size)
    return [draw.choices(labels, k=draw.randrange(longest + 1)) for _ in range(count)]


def random_sentences(words, count, longest, seed=0):
    draw = random.Random(seed)
    return [draw.choices(words, k=draw.randrange(longest + 1)) for _ in range(count)]


@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize("unknown", [True, False])
@pytest.mark.parametrize("dense", [0.15, 0.6])
def test_token_scores_are_those_of_the_file(order, unknown, dense, tmp_path):
    tokenizer = char_tokenizer()
    tokens = known_tokens(tokenizer)
    path = write_random_arpa(tmp_path / "a.arpa", tokens, order, 3, unknown, dense)
    scorer = load_ngram(path, tokenizer, CPU)
    assert isinstance(scorer, TokenNgramScorer)
    labels = random_labels(tokenizer, 60, 9)
    reference = ArpaReference(path)
    expected = [reference.sentence([tokenizer.tokens[i] for i in row]) for row in labels]
    scores = score_sequences(scorer, labels, CPU)
    torch.testing.assert_close(scores, torch.tensor(expected), atol=1e-4, rtol=0)


def test_token_scores_state_by_state(tmp_path):
    tokenizer = char_tokenizer()
    path = write_random_arpa(tmp_path / "a.arpa", known_tokens(tokenizer), 4, 4)
    scorer, reference = load_ngram(path, tokenizer, CPU), ArpaReference(path)
    history = ["<s>"]
    state = scorer.initial_state(1, CPU)
    for label in random_labels(tokenizer, 1, 40, seed=6)[0]:
        expected = [reference.score(tuple(history), token) for token in tokenizer.tokens]
        torch.testing.assert_close(
            scorer.gains(state, None)[0], torch.tensor(expected), atol=1e-4, rtol=0
        )
        end = reference.score(tuple(history), "</s>")
        assert float(scorer.final_gains(state)) == pytest.approx(end, abs=1e-4)
        state = scorer.advance(state, torch.tensor([0]), torch.tensor([label]))
        token = tokenizer.tokens[label]
        history.append(token if (token,) in reference.log_probs else "<unk>")


@pytest.mark.parametrize("order", [2, 3, 4])
def test_scores_are_those_of_kenlm(order, tmp_path):
    decoder = pytest.importorskip("flashlight.lib.text.decoder.kenlm")
    dictionary = pytest.importorskip("flashlight.lib.text.dictionary")
    tokenizer = char_tokenizer()
    tokens = known_tokens(tokenizer)
    path = write_random_arpa(tmp_path / "a.arpa", tokens, order, 5, closed=True)
    kenlm = decoder.KenLM(str(path), dictionary.Dictionary(["<unk>", *tokens]))
    scorer = load_ngram(path, tokenizer, CPU)
    for labels in random_labels(tokenizer, 40, 12):
        state, total = kenlm.start(False), 0.0
        for label in labels:
            token = tokenizer.tokens[label]
            place = tokens.index(token) + 1 if token in tokens else 0  # <unk>
            state, score = kenlm.score(state, place)
            total += score
        total = (total + kenlm.finish(state)[1]) * math.log(10)
        ours = float(score_sequences(scorer, [labels], CPU))
        assert ours == pytest.approx(total, abs=1e-4)


@pytest.mark.parametrize("unknown", [True, False])
@pytest.mark.parametrize("make", [char_tokenizer, bpe_tokenizer])
def test_word_scores_telescope_to_the_sentence(make, unknown, tmp_path):
    tokenizer = make()
    path = write_random_arpa(tmp_path / "a.arpa", WORDS, 3, 7, unknown)
    scorer = load_ngram(path, tokenizer, CPU)
    assert isinstance(scorer, WordNgramScorer)
    reference = ArpaReference(path)
    sentences = random_sentences([*WORDS, "cabby", "baa"], 60, 6)
    labels = [tokenizer.encode(" ".join(words)) for words in sentences]
    expected = torch.tensor([reference.sentence(words) for words in sentences])
    scores = score_sequences(scorer, labels, CPU)
    torch.testing.assert_close(scores, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("make", [char_tokenizer, bpe_tokenizer])
def test_any_labels_score_as_the_words_that_they_write(make, tmp_path):
    """The sum is that of the text, where its words are spelled as the tokenizer spells them."""
    tokenizer = make()
    path = write_random_arpa(tmp_path / "a.arpa", WORDS, 3, 8)
    scorer, reference = load_ngram(path, tokenizer, CPU), ArpaReference(path)
    rows = [[i for i in row if i != UNK_ID] for row in random_labels(tokenizer, 300, 6)]
    rows = [row for row in rows if _is_spelled_as_usual(tokenizer, row)]
    assert len(rows) >= 20
    expected = [reference.sentence(tokenizer.decode(row).split()) for row in rows]
    scores = score_sequences(scorer, rows, CPU)
    torch.testing.assert_close(scores, torch.tensor(expected), atol=1e-4, rtol=0)


def _is_spelled_as_usual(tokenizer, row):
    """Whether the words of `row` are spelled as in a text; spaces may be repeated."""
    parts = [[]]
    for label in row:
        if tokenizer.tokens[label].startswith("▁"):
            parts.append([])
        parts[-1].append(label)
    if isinstance(tokenizer, CharTokenizer):
        return True
    words = [part for part in parts if part and tokenizer.decode(part)]
    return all(part == tokenizer.encode(tokenizer.decode(part)) for part in words)


@pytest.mark.parametrize("make", [char_tokenizer, bpe_tokenizer])
def test_prefixes_pay_for_finished_words_and_look_ahead_within_one(make, tmp_path):
    tokenizer = make()
    path = write_random_arpa(tmp_path / "a.arpa", WORDS, 3, 9)
    scorer, reference = load_ngram(path, tokenizer, CPU), ArpaReference(path)
    words = ["cab", "ba", "ab", "cab"]
    labels = tokenizer.encode(" ".join(words))
    state, total = scorer.initial_state(1, CPU), 0.0
    unigrams = {w: reference.log_probs[(w,)] for w in WORDS}
    for position, label in enumerate(labels):
        total += float(scorer.gains(state, torch.tensor([[label]])))
        state = scorer.advance(state, torch.tensor([0]), torch.tensor([label]))
        text = tokenizer.decode(labels[: position + 1])
        *finished, last = text.split(" ")
        if tokenizer.tokens[label] == "▁":  # decoding drops the space at the end
            finished, last = text.split(" "), ""
        allowed = [p for w, p in unigrams.items() if _may_become(tokenizer, last, w)]
        look_ahead = max(allowed) if last else 0.0
        expected = reference.sentence(finished, end=False) + look_ahead
        assert total == pytest.approx(expected, abs=1e-4)


def _may_become(tokenizer, begun, word):
    spelled = tokenizer.encode(word)
    return spelled[: len(tokenizer.encode(begun))] == tokenizer.encode(begun)


@pytest.mark.parametrize("words", [None, WORDS])
def test_batch_equals_one_by_one(words, tmp_path):
    tokenizer = char_tokenizer()
    path = write_random_arpa(tmp_path / "a.arpa", words or plain_tokens(tokenizer), 3, 10)
    scorer = load_ngram(path, tokenizer, CPU)
    labels = random_labels(tokenizer, 30, 10)
    alone = torch.cat([score_sequences(scorer, [row], CPU) for row in labels])
    assert torch.equal(score_sequences(scorer, labels, CPU), alone)


@pytest.mark.parametrize("words", [None, WORDS])
@pytest.mark.parametrize("make", [char_tokenizer, bpe_tokenizer])
def test_chosen_candidates_gain_what_they_gain_among_all(words, make, tmp_path):
    tokenizer = make()
    path = write_random_arpa(tmp_path / "a.arpa", words or plain_tokens(tokenizer), 3, 11)
    scorer = load_ngram(path, tokenizer, CPU)
    state = scorer.initial_state(16, CPU)
    generator = torch.Generator().manual_seed(0)
    for _ in range(6):
        every = scorer.gains(state, None)
        assert every.shape == (16, tokenizer.vocab_size)
        assert every.isfinite().all()
        chosen = torch.randint(0, tokenizer.vocab_size, (16, 5), generator=generator)
        assert torch.allclose(scorer.gains(state, chosen), every.gather(1, chosen), atol=1e-5)
        rows = torch.randint(0, 16, (16,), generator=generator)
        labels = torch.randint(-1, tokenizer.vocab_size, (16,), generator=generator)
        state = scorer.advance(state, rows, labels)


def test_no_label_leaves_the_state_and_rows_choose_it(tmp_path):
    tokenizer = char_tokenizer()
    path = write_random_arpa(tmp_path / "a.arpa", WORDS, 3, 12)
    scorer = load_ngram(path, tokenizer, CPU)
    labels = torch.tensor(tokenizer.encode("cab"))
    state = scorer.initial_state(3, CPU)
    state = scorer.advance(state, torch.arange(3), labels)
    moved = scorer.advance(state, torch.tensor([2, 0]), torch.tensor([-1, -1]))
    assert torch.equal(scorer.gains(moved, None), scorer.gains(state, None)[[2, 0]])


def test_han_characters_are_words_of_one_token_between_latin_ones(tmp_path):
    texts = ["我 love 你 aba", "love 你 我"]
    tokenizer = MixedTokenizer.train(texts, MixedTokenizerParams(vocab_size=11))
    words = ["我", "你", "love", "aba"]
    path = write_random_arpa(tmp_path / "a.arpa", words, 3, 13)
    scorer, reference = load_ngram(path, tokenizer, CPU), ArpaReference(path)
    assert isinstance(scorer, WordNgramScorer)
    sentences = random_sentences(words, 30, 5)
    labels = [tokenizer.encode(" ".join(sentence)) for sentence in sentences]
    expected = torch.tensor([reference.sentence(sentence) for sentence in sentences])
    scores = score_sequences(scorer, labels, CPU)
    torch.testing.assert_close(scores, expected, atol=1e-4, rtol=0)


def test_letters_spoken_one_by_one_are_words(tmp_path):
    tokenizer = char_tokenizer()
    path = write_random_arpa(tmp_path / "a.arpa", ["a", "b", "c"], 3, 14)
    assert isinstance(load_ngram(path, tokenizer, CPU), WordNgramScorer)


def test_mandarin_characters_are_tokens(tmp_path):
    tokenizer = char_tokenizer(MANDARIN)
    path = write_random_arpa(tmp_path / "a.arpa", ["今", "天", "气"], 3, 15)
    assert isinstance(load_ngram(path, tokenizer, CPU), TokenNgramScorer)


@pytest.mark.parametrize(
    ("words", "tokenizer", "message"),
    [
        (["HELLO", "THERE", "a"], char_tokenizer(), r"of another vocabulary: 67 % of its 3 words"),
        (["HELLO", "THERE", "a"], char_tokenizer(), r"\('HELLO', 'THERE'\) are neither tokens"),
        (["今天", "天气", "气"], char_tokenizer(MANDARIN), r"a model of words, .* 67 % of its 3"),
        (["今天", "天气", "气"], char_tokenizer(MANDARIN), "asr lm train --unit token"),
        ([], char_tokenizer(), "no word in it but sentence marks"),
    ],
)
def test_a_model_of_another_vocabulary_is_one_clear_line(words, tokenizer, message, tmp_path):
    path = write_random_arpa(tmp_path / "a.arpa", words, 2, 16)
    with pytest.raises(UserError, match=message) as error:
        load_ngram(path, tokenizer, CPU)
    assert str(error.value).startswith(str(path))


def test_bytes_of_han_characters_have_no_words(tmp_path):
    texts = ["今天 love loving lovely 天气", "glove gloves", "气"]
    tokenizer = ByteBpeTokenizer.train(texts, ByteBpeTokenizerParams(vocab_size=256))
    path = write_random_arpa(tmp_path / "a.arpa", ["今天", "天气", "气"], 2, 17)
    with pytest.raises(UserError, match="nothing marks where"):
        load_ngram(path, tokenizer, CPU)


def test_decoding_loads_the_file_for_the_bundles_tokenizer(tmp_path):
    tokenizer = char_tokenizer()
    path = write_random_arpa(tmp_path / "a.arpa", WORDS, 3, 19)
    bundle = SimpleNamespace(tokenizer=tokenizer)
    resources = load_resources(ResourcePaths(ngram=path), bundle, CPU)
    score = score_sequences(resources.ngram, [tokenizer.encode("cab ab")], CPU)
    expected = ArpaReference(path).sentence(["cab", "ab"])
    assert float(score) == pytest.approx(expected, abs=1e-4)
    assert load_resources(ResourcePaths(), bundle, CPU).ngram is None


@pytest.mark.needs_gpu
@pytest.mark.parametrize("words", [None, WORDS])
def test_a_gpu_says_the_same(words, tmp_path):
    tokenizer = char_tokenizer()
    path = write_random_arpa(tmp_path / "a.arpa", words or plain_tokens(tokenizer), 3, 18)
    labels = random_labels(tokenizer, 30, 10)
    cuda = torch.device("cuda")
    there = score_sequences(load_ngram(path, tokenizer, cuda), labels, cuda)
    here = score_sequences(load_ngram(path, tokenizer, CPU), labels, CPU)
    torch.testing.assert_close(there.cpu(), here, atol=1e-4, rtol=0)
