"""Every type of graph against all alignments of all word sequences."""

from __future__ import annotations

import itertools
import math

import kaldifst
import numpy as np
import pytest
from graph_reference import (
    EVERYTHING,
    assert_same,
    best_alignments,
    decode_with,
    lm_score,
    make_graph,
    make_tokenizer,
    random_bigrams,
    random_scores,
    write_arpa,
)

from asr.config.tokenizer import CharTokenizerParams
from asr.graphs.arcs import Arcs
from asr.graphs.lexicon_fst import LabelTable, lexicon_fst
from asr.graphs.topology import token_loop, with_ctc
from asr.text.lexicon import Lexicon, spell_words
from asr.text.symbols import SPECIAL_TOKENS
from asr.text.tokenizers import CharTokenizer, Tokenizer

WORDS = ["a", "ab", "b", "aab"]


def sentences(words, tokenizer: Tokenizer, longest: int):
    """Every text of up to `longest` words with its tokens."""
    for length in range(longest + 1):
        for chosen in itertools.product(words, repeat=length):
            text = tokenizer.spaced(" ".join(chosen))
            yield chosen, tuple(tokenizer.encode(text))


def expected_scores(words, tokenizer, log_probs, lm=lambda chosen: 0.0):
    alignments = best_alignments(log_probs)
    scores: dict[str, float] = {}
    for chosen, tokens in sentences(words, tokenizer, len(log_probs)):
        if tokens in alignments:
            scores[" ".join(chosen)] = alignments[tokens] + lm(chosen)
    return scores


@pytest.mark.parametrize("seed", range(4))
def test_h_is_the_best_alignment_of_any_tokens(seed, tmp_path) -> None:
    tokenizer = make_tokenizer(tmp_path, ["abc"])
    graph = make_graph(tmp_path, tokenizer, kind="h")
    log_probs = random_scores(6, tokenizer.vocab_size, seed)
    ranked = sorted(best_alignments(log_probs).items(), key=lambda item: item[1], reverse=True)
    (best,) = decode_with(graph, log_probs, **EVERYTHING)
    many = decode_with(graph, log_probs, n_best=30, **EVERYTHING)
    assert tuple(best.tokens) == ranked[0][0]
    assert best.text is None
    assert [tuple(path.tokens) for path in many] == [tokens for tokens, _ in ranked[:30]]
    scores = [score for _, score in ranked[:30]]
    assert [path.score for path in many] == pytest.approx(scores, abs=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_hl_holds_the_words_of_the_lexicon_and_no_others(seed, tmp_path) -> None:
    tokenizer = make_tokenizer(tmp_path, ["ab a"])
    (tmp_path / "words").write_text("\n".join(WORDS))
    graph = make_graph(tmp_path, tokenizer, kind="hl", words=tmp_path / "words")
    log_probs = random_scores(7, tokenizer.vocab_size, seed)
    expected = expected_scores(WORDS, tokenizer, log_probs)
    assert_same(decode_with(graph, log_probs, **EVERYTHING), expected)
    found = decode_with(graph, log_probs, n_best=40, beam_size=40, **EVERYTHING)
    assert len(found) == 40
    assert_same(found, expected)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("lm_weight", [1.0, 0.4])
def test_hlg_adds_the_language_model(seed, lm_weight, tmp_path) -> None:
    tokenizer = make_tokenizer(tmp_path, ["ab a"])
    ngrams = random_bigrams(WORDS, seed)
    arpa = write_arpa(tmp_path / "lm.arpa", ngrams)
    graph = make_graph(tmp_path, tokenizer, kind="hlg", arpa=arpa)
    log_probs = random_scores(7, tokenizer.vocab_size, seed)
    expected = expected_scores(
        WORDS, tokenizer, log_probs, lambda chosen: lm_weight * lm_score(ngrams, chosen)
    )
    options = {"graph_weight": lm_weight, **EVERYTHING}
    assert_same(decode_with(graph, log_probs, **options), expected)
    assert_same(decode_with(graph, log_probs, n_best=20, **options), expected)


def test_words_of_characters_need_no_spaces(tmp_path) -> None:
    tokenizer = make_tokenizer(tmp_path, ["你好吗"])
    words = ["你", "好", "你好", "吗"]
    ngrams = random_bigrams(words, seed=3)
    arpa = write_arpa(tmp_path / "lm.arpa", ngrams)
    graph = make_graph(tmp_path, tokenizer, kind="hlg", arpa=arpa)
    log_probs = random_scores(6, tokenizer.vocab_size, seed=3)
    alignments = best_alignments(log_probs)
    # 你 好 and 你好 are the same characters: only the language model tells them apart.
    expected = {
        " ".join(chosen): alignments[tokens] + lm_score(ngrams, chosen)
        for chosen, tokens in sentences(words, tokenizer, 6)
        if tokens in alignments
    }
    assert_same(decode_with(graph, log_probs, n_best=20, **EVERYTHING), expected)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("BpeTokenizer", {"vocab_size": 9, "model_type": "bpe"}),
        ("MixedTokenizer", {"vocab_size": 8, "model_type": "bpe"}),
    ],
)
def test_subwords_and_mixed_scripts(name, params, tmp_path) -> None:
    words = ["ab", "a", "b"] if name == "BpeTokenizer" else ["ab", "我", "b"]
    tokenizer = make_tokenizer(tmp_path, [" ".join(words)] * 3, name, **params)
    ngrams = random_bigrams(words, seed=5)
    arpa = write_arpa(tmp_path / "lm.arpa", ngrams)
    graph = make_graph(tmp_path, tokenizer, kind="hlg", arpa=arpa)
    log_probs = random_scores(5, tokenizer.vocab_size, seed=5)
    expected = expected_scores(words, tokenizer, log_probs, lambda chosen: lm_score(ngrams, chosen))
    assert_same(decode_with(graph, log_probs, n_best=15, **EVERYTHING), expected)


@pytest.mark.parametrize(
    ("name", "texts", "params"),
    [
        ("BpeTokenizer", ["ab ba", "a b"], {"vocab_size": 9, "model_type": "bpe"}),
        ("MixedTokenizer", ["ab 我", "b 你a"], {"vocab_size": 8, "model_type": "bpe"}),
        ("CharTokenizer", ["ab a"], {}),
        ("CharTokenizer", ["我你"], {}),
    ],
)
def test_a_language_model_of_tokens(name, texts, params, tmp_path) -> None:
    """Tokens within words stay within them."""
    tokenizer = make_tokenizer(tmp_path, texts * 3, name, **params)
    tokens = tokenizer.tokens[3:]
    ngrams = random_bigrams(tokens, seed=6)
    arpa = write_arpa(tmp_path / "lm.arpa", ngrams)
    graph = make_graph(tmp_path, tokenizer, kind="hlg", arpa=arpa)
    log_probs = random_scores(5, tokenizer.vocab_size, seed=6)
    expected = {
        ids: acoustic + lm_score(ngrams, [tokenizer.tokens[i] for i in ids])
        for ids, acoustic in best_alignments(log_probs).items()
    }
    ranked = sorted(expected.items(), key=lambda item: item[1], reverse=True)[:15]
    found = decode_with(graph, log_probs, n_best=15, **EVERYTHING)
    assert [tuple(path.tokens) for path in found] == [ids for ids, _ in ranked]
    assert [path.score for path in found] == pytest.approx([s for _, s in ranked], abs=1e-4)
    assert {path.text for path in found} == {None}


def test_characters_of_both_kinds_are_spaced_as_the_tokenizer_spaces_them(tmp_path) -> None:
    words = ["我", "a", "你"]
    tokenizer = make_tokenizer(tmp_path, ["我 a 你"])
    (tmp_path / "words").write_text("\n".join(words))
    graph = make_graph(tmp_path, tokenizer, kind="hl", words=tmp_path / "words")
    log_probs = random_scores(6, tokenizer.vocab_size, seed=1)
    expected = expected_scores(words, tokenizer, log_probs)
    assert_same(decode_with(graph, log_probs, n_best=30, **EVERYTHING), expected)


def test_other_words_are_spelled_at_their_cost(tmp_path) -> None:
    """`<unk>` stands for any tokens; a word of the lexicon may be one of them too."""
    tokenizer = make_tokenizer(tmp_path, ["ab a"])
    ngrams = random_bigrams(["a", "<unk>"], seed=2)
    arpa = write_arpa(tmp_path / "lm.arpa", ngrams)
    cost = math.log(len(tokenizer.tokens) - len(SPECIAL_TOKENS))
    graph = make_graph(tmp_path, tokenizer, kind="hlg", arpa=arpa, unknown_cost=cost)
    log_probs = random_scores(5, tokenizer.vocab_size, seed=2)
    best: dict[str, float] = {}
    for tokens, acoustic in best_alignments(log_probs).items():
        text = tokenizer.decode(tokens)
        if tuple(tokenizer.encode(text)) != tokens:
            continue  # a space at an end, or two
        spelled = text.split()
        for chosen in itertools.product(*[{word, "<unk>"} & {"a", "<unk>"} for word in spelled]):
            letters = sum(
                len(word) for word, as_ in zip(spelled, chosen, strict=True) if as_ == "<unk>"
            )
            score = acoustic + lm_score(ngrams, chosen) - cost * letters
            best[text] = max(best.get(text, -np.inf), score)
    (found,) = decode_with(graph, log_probs, **EVERYTHING)
    text, score = max(best.items(), key=lambda item: item[1])
    assert tokenizer.decode(found.tokens) == text
    assert found.score == pytest.approx(score, abs=1e-4)


@pytest.mark.parametrize("vocab_size", [9, 120])
def test_the_topology_is_what_composition_with_h_gives(vocab_size) -> None:
    """Written down with all its arcs, H composed with L scores every labelling the same."""
    random = np.random.default_rng(0)
    letters = [chr(ord("一") + i) for i in range(vocab_size - 3)]
    tokens = np.arange(3, vocab_size)
    spellings = {
        f"w{i}": (tuple(random.choice(tokens, 2, replace=False)),) for i in range(2 * vocab_size)
    }
    tokenizer = CharTokenizer.train(["".join(letters)], CharTokenizerParams())
    lexicon = Lexicon(spellings)
    labels = LabelTable.make(vocab_size, spellings)
    graph, symbols = lexicon_fst(lexicon, labels, tokenizer)
    first = labels.disambiguation(0)
    plain = np.where(graph.ilabels >= first, 0, graph.ilabels)
    kept = (plain != 0) | (graph.sources != graph.targets)
    columns = (graph.sources, graph.targets, plain, graph.olabels, graph.weights)
    graph = Arcs(graph.start, graph.finals, *(column[kept] for column in columns))
    assert symbols >= 1

    ours = with_ctc(graph).to_fst()
    theirs = kaldifst.compose(_whole_h(vocab_size), graph.to_fst())
    readings = [_readings(ours, word, spellings) for word in spellings]
    assert readings == [_readings(theirs, word, spellings) for word in spellings]
    assert all(readings)


def _readings(graph, word, spellings) -> list[str]:
    """The word sequences that a graph reads in a few frames."""
    (one, two), (three, four) = (spellings[w][0] for w in (word, "w0"))
    frames = [one, one, two, 0, three, three, four, 0]
    sequence = kaldifst.make_linear_acceptor([int(token) + 1 for token in frames])
    fst = kaldifst.StdVectorFst(kaldifst.compose(sequence, graph))
    kaldifst.invert(fst)  # words become the input, where determinising removes duplicates
    arcs = Arcs.from_fst(fst)
    words = Arcs(
        arcs.start,
        arcs.finals,
        arcs.sources,
        arcs.targets,
        arcs.ilabels,
        arcs.ilabels,
        arcs.weights,
    ).to_fst()
    kaldifst.determinize_star(words)
    return sorted(words.to_str().splitlines())


def _whole_h(vocab_size: int):
    """The textbook's H: a state for blank and one a token, an arc from each to each."""
    lines = []
    for state in range(vocab_size - 2):
        for target in range(vocab_size - 2):
            label = 1 if target == 0 else target + 3
            output = 0 if target in (0, state) else label
            lines.append(f"{state} {target} {label} {output} 0")
        lines.append(f"{state} 0")
    fst = kaldifst.compile("\n".join(lines), acceptor=False)
    kaldifst.arcsort(fst, "olabel")
    return fst


@pytest.mark.parametrize("vocab_size", [500, 5000])
def test_the_topology_stays_small(vocab_size) -> None:
    graph = with_ctc(token_loop(vocab_size))
    assert graph.num_arcs < 3 * vocab_size**1.5


def test_spellings_come_from_the_tokenizer(tmp_path) -> None:
    tokenizer = make_tokenizer(tmp_path, ["ab a"])
    lexicon = spell_words(["ab", "a", "<s>", "zoo", "ab"], tokenizer)
    assert lexicon.spellings == {w: (tuple(tokenizer.encode(w)),) for w in ("ab", "a")}
    assert list(lexicon.left_out) == ["zoo"]
