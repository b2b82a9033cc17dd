"""The hotword automaton against counting phrases in the decoded text."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import pytest
import torch

from asr.bundle import save_bundle
from asr.cli.main import main
from asr.config.decoding import DecodingOptions, MethodName
from asr.config.loading import load_config
from asr.config.tokenizer import TOKENIZERS
from asr.decoding.fusion import NO_LABEL, Fusion, score_sequences
from asr.decoding.hotwords.scorer import HotwordScorer, hotword_scorer, load_hotwords
from asr.decoding.resources import Resources
from asr.errors import UserError
from asr.models import AsrModel
from asr.text.hotwords import Hotword
from asr.text.scripts import split_words
from asr.text.tokenizers import Tokenizer, load_tokenizer, train_tokenizer
from tests.tone_corpus import ToneCorpus

CPU = torch.device("cpu")
WORDS = ["art", "party", "par", "new", "york", "newyork", "city", "a", "the", "ab", "aba", "ba"]
HAN = ["北京", "北", "京", "南京", "人"]
# Phrases inside one another, ends of one another, overlapping themselves and each other.
PHRASES = {
    "art": 1.5,
    "party": 0.5,
    "new york": 1.0,
    "york city": 0.7,
    "new york city": 2.0,
    "york": 0.3,
    "a a": 1.1,
    "ab a ab": 0.9,
    "the": 1.0,
    "北京": 2.0,
    "京": 0.4,
    "京北京": 1.3,
    "the 人": 0.6,
}
KINDS = {
    "CharTokenizer": {},
    "BpeTokenizer": {"vocab_size": 40},
    "MixedTokenizer": {"vocab_size": 30},
    "ByteBpeTokenizer": {"vocab_size": 290},
}


def random_text(generator: random.Random) -> str:
    return " ".join(generator.choices([*WORDS * 2, *HAN], k=generator.randint(1, 10)))


def make_tokenizer(kind: str, **params: Any) -> Tokenizer[Any]:
    generator = random.Random(0)
    texts = [*WORDS, *HAN] + [random_text(generator) for _ in range(300)]
    return train_tokenizer(kind, TOKENIZERS[kind](**KINDS[kind], **params), texts)


@pytest.fixture(scope="module", params=[*KINDS])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer[Any]:
    return make_tokenizer(request.param)


def naive_score(ids: list[int], phrases: dict[str, float], tokenizer: Tokenizer) -> float:
    """Sum of the boosts of all occurrences of phrases among the words of the text."""
    words = [span.text for span in tokenizer.words(ids)]
    total = 0.0
    for phrase, weight in phrases.items():
        own = split_words(tokenizer.canonical(phrase))
        starts = range(len(words) - len(own) + 1)
        occurrences = sum(words[start : start + len(own)] == own for start in starts)
        length = sum(tokenizer.tokens[token] != "▁" for token in tokenizer.encode(phrase))
        total += occurrences * weight * length
    return total


def make_scorer(phrases: dict[str, float], tokenizer: Tokenizer) -> HotwordScorer:
    return hotword_scorer([Hotword(*item) for item in phrases.items()], tokenizer)


def sequences_of(tokenizer: Tokenizer[Any], seed: int, count: int = 300) -> list[list[int]]:
    """Texts in their usual spelling and, but for bytes, tokens put together at random."""
    generator = random.Random(seed)
    texts = [tokenizer.encode(random_text(generator)) for _ in range(count)]
    if type(tokenizer).__name__ == "ByteBpeTokenizer":
        return texts
    useful = sorted({token for phrase in PHRASES for token in tokenizer.encode(phrase)})
    for _ in range(count):
        pool = useful if generator.random() < 0.7 else range(3, tokenizer.vocab_size)
        texts.append(generator.choices(pool, k=generator.randint(0, 14)))
    for ids in texts[:count]:  # as a search may leave them
        ids[generator.randrange(len(ids)) :] = generator.choice(texts)[:5]
    return texts


@pytest.mark.parametrize("seed", range(3))
def test_the_gains_of_a_sequence_are_the_boosts_of_its_phrases(
    tokenizer: Tokenizer, seed: int
) -> None:
    sequences = sequences_of(tokenizer, seed)
    found = score_sequences(make_scorer(PHRASES, tokenizer), sequences, CPU).tolist()
    expected = [naive_score(ids, PHRASES, tokenizer) for ids in sequences]
    assert found == pytest.approx(expected, abs=1e-4)
    assert sum(score > 0 for score in expected) > 50


def test_words_are_found_however_they_are_spelled() -> None:
    tokenizer = make_tokenizer("BpeTokenizer")
    scorer = make_scorer({"party art": 1.0}, tokenizer)
    usual = tokenizer.encode("party art")
    letters = [tokenizer.tokens.index(letter) for letter in "▁party▁art"]
    assert len(letters) > len(usual)
    found = score_sequences(scorer, [usual, letters], CPU).tolist()
    assert found == pytest.approx([len(usual)] * 2)


def test_only_whole_words_count(tokenizer: Tokenizer) -> None:
    scorer = make_scorer({"art": 1.0}, tokenizer)
    texts = ["art", "party", "new art", "art new", "the art the", "par t", "arta", "北art京"]
    expected = [1, 0, 1, 1, 1, 0, 0, 1]
    sequences = [tokenizer.encode(text) for text in texts]
    found = score_sequences(scorer, sequences, CPU)
    once = found[0]
    assert once > 0
    assert found.tolist() == pytest.approx([count * float(once) for count in expected])


def test_han_characters_match_anywhere(tokenizer: Tokenizer) -> None:
    scorer = make_scorer({"北京": 1.0}, tokenizer)
    if type(tokenizer).__name__ == "BpeTokenizer":
        texts = ["北京", "人 北京 人", "北 京"]
    else:
        texts = ["北京", "人北京人", "北 京", "the 北京 city"]
    found = score_sequences(scorer, [tokenizer.encode(text) for text in texts], CPU)
    assert found[0] > 0
    assert found.tolist() == pytest.approx([float(found[0])] * len(texts))


def test_credit_grows_with_the_match_and_is_taken_back() -> None:
    tokenizer = make_tokenizer("CharTokenizer")
    scorer = make_scorer({"party": 2.0}, tokenizer)

    def gains(text: str) -> list[float]:
        state, values = scorer.initial_state(1, CPU), []
        for token in tokenizer.encode(text):
            values.append(float(scorer.gains(state, torch.tensor([[token]]))))
            state = scorer.advance(state, torch.tensor([0]), torch.tensor([token]))
        return [*values, float(scorer.final_gains(state))]

    assert gains("party") == pytest.approx([2, 2, 2, 2, 2, 0])
    assert gains("parr") == pytest.approx([2, 2, 2, -6, 0])
    assert gains("par") == pytest.approx([2, 2, 2, -6])
    assert gains("party a") == pytest.approx([2, 2, 2, 2, 2, 0, 0, 0])
    assert gains("partya") == pytest.approx([2, 2, 2, 2, 2, -10, 0])


def test_candidates_all_labels_and_moves_agree(tokenizer: Tokenizer) -> None:
    scorer, generator = make_scorer(PHRASES, tokenizer), random.Random(5)
    state = scorer.initial_state(40, CPU)
    everything = torch.arange(tokenizer.vocab_size)
    for _ in range(12):
        gains = scorer.gains(state, None)
        assert gains.shape == (40, tokenizer.vocab_size)
        torch.testing.assert_close(gains, scorer.gains(state, everything.expand(40, -1)))
        labels = torch.tensor(
            [generator.choice(tokenizer.encode(random_text(generator))) for _ in range(40)]
        )
        rows = torch.tensor(generator.choices(range(40), k=40))
        assert torch.equal(
            scorer.advance(state, rows, torch.full_like(rows, NO_LABEL)), state[rows]
        )
        state = scorer.advance(state, rows, labels)


def test_an_empty_list_adds_nothing_to_a_search() -> None:
    tokenizer = make_tokenizer("CharTokenizer")
    method = MethodName.parse("ctc-prefix-beam+hotwords")
    empty = Resources(hotwords=make_scorer({}, tokenizer))
    assert empty.fusion(method, DecodingOptions()) is None
    scores = score_sequences(make_scorer({}, tokenizer), [tokenizer.encode("the art"), []], CPU)
    assert scores.tolist() == [0.0, 0.0]
    full = Resources(hotwords=make_scorer({"art": 1.0}, tokenizer))
    fusion = full.fusion(method, DecodingOptions(hotword_weight=3.0))
    assert isinstance(fusion, Fusion)
    score = score_sequences(fusion, [tokenizer.encode("art")], CPU)
    assert float(score) == pytest.approx(9.0)


def test_phrases_are_normalised_and_the_greatest_weight_counts() -> None:
    tokenizer = make_tokenizer("CharTokenizer", normaliser="english")
    scorer = make_scorer({"ART": 1.0, "art": 2.0, "Art!": 0.5}, tokenizer)
    assert scorer.num_phrases == 1
    assert float(score_sequences(scorer, [tokenizer.encode("art")], CPU)) == pytest.approx(6.0)


def test_phrases_that_cannot_be_spelled_are_told(tmp_path: Path) -> None:
    tokenizer = make_tokenizer("CharTokenizer", normaliser="english")
    path = tmp_path / "hotwords.txt"
    path.write_text("art\t2\nΞart qé\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"hotwords.txt: the phrase 'Ξart qé' .* know q, é, ξ"):
        load_hotwords(path, tokenizer)
    path.write_text("!?\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"nothing is left of the phrase '!\?'"):
        load_hotwords(path, tokenizer)
    without_space = train_tokenizer("CharTokenizer", TOKENIZERS["CharTokenizer"](), ["ab"])
    with pytest.raises(UserError, match=r"'a b' .* does not know a space"):
        make_scorer({"a b": 1.0}, without_space)


def test_every_sequence_of_a_small_vocabulary() -> None:
    tokenizer = train_tokenizer("CharTokenizer", TOKENIZERS["CharTokenizer"](), ["a b"])
    phrases = {"a": 0.5, "ab": 2.0, "ba b": 1.0, "b a": 3.0, "a a": 0.25}
    sequences = [
        list(labels)
        for length in range(8)
        for labels in itertools.product(range(3, tokenizer.vocab_size), repeat=length)
    ]
    found = score_sequences(make_scorer(phrases, tokenizer), sequences, CPU).tolist()
    expected = [naive_score(ids, phrases, tokenizer) for ids in sequences]
    assert found == pytest.approx(expected, abs=1e-4)


def test_ending_anywhere_leaves_what_was_earned() -> None:
    tokenizer = make_tokenizer("BpeTokenizer")
    scorer = make_scorer(PHRASES, tokenizer)
    for ids in sequences_of(tokenizer, seed=9, count=50):
        state, total = scorer.initial_state(1, CPU), 0.0
        for place, token in enumerate(ids):
            total += float(scorer.gains(state, torch.tensor([[token]])))
            state = scorer.advance(state, torch.tensor([0]), torch.tensor([token]))
            so_far = naive_score(ids[: place + 1], PHRASES, tokenizer)
            assert total + float(scorer.final_gains(state)) == pytest.approx(so_far, abs=1e-4)


@pytest.fixture(scope="module")
def bundle(tone_corpus: ToneCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights."""
    folder = tmp_path_factory.mktemp("hotwords") / "bundle"
    config = load_config(tone_corpus.conf, [])
    tokenizer = load_tokenizer(tone_corpus.tokenizer)
    torch.manual_seed(0)
    model = AsrModel(config, tokenizer.vocab_size)
    save_bundle(folder, model.state_dict(), config, tokenizer, {})
    return folder


def decode_with(
    bundle: Path, corpus: ToneCorpus, out: Path, method: str, hotwords: str | None
) -> int:
    arguments = ["decode", "--bundle", str(bundle), "--cuts", str(corpus.dev_cuts)]
    arguments += ["--split", "dev", "--output-dir", str(out), "--method", method]
    if hotwords is not None:
        (out / "words.txt").write_text(hotwords, encoding="utf-8")
        arguments += ["--hotwords", str(out / "words.txt")]
    return main(arguments)


def test_an_empty_file_decodes_as_without_one(
    bundle: Path, tone_corpus: ToneCorpus, tmp_path: Path
) -> None:
    assert decode_with(bundle, tone_corpus, tmp_path, "ctc-prefix-beam", None) == 0
    method = "ctc-prefix-beam+hotwords"
    assert decode_with(bundle, tone_corpus, tmp_path, method, "# none\n") == 0
    plain, empty = (tmp_path / name / "hyps.jsonl" for name in ("ctc-prefix-beam", method))
    assert plain.read_bytes() == empty.read_bytes()


def test_mistakes_are_one_line(
    bundle: Path,
    tone_corpus: ToneCorpus,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    method = "ctc-prefix-beam+hotwords"
    assert decode_with(bundle, tone_corpus, tmp_path, method, None) == 2
    assert "--hotwords" in capsys.readouterr().err
    assert decode_with(bundle, tone_corpus, tmp_path, method, "low\nlöw\n") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "words.txt: the phrase 'löw' cannot be spelled: the model does not know ö" in line
    assert not (tmp_path / method).exists()
