"""The method `wfst`; that graphs hold what they should is tests/graphs'."""

from __future__ import annotations

import dataclasses
import string
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from asr.config.decoding import DecodingOptions
from asr.config.tokenizer import CharTokenizerParams
from asr.decoding.base import SearchRequest
from asr.decoding.fusion import Fusion, score_sequences
from asr.decoding.hypothesis import Hypothesis
from asr.decoding.registry import decode
from asr.decoding.resources import NO_RESOURCES, Resources
from asr.decoding.searches.greedy import ctc_greedy_search
from asr.decoding.searches.wfst import decode_utterance
from asr.errors import UserError
from asr.graphs.build import GraphRequest, build_graph
from asr.graphs.folder import DecodingGraph, load_graph
from asr.text.tokenizers import CharTokenizer
from tests.decoding.decoding_reference import label_starts

CPU = torch.device("cpu")
WORDS = ["on", "off", "no", "noon"]
VOCAB_SIZE = 7  # three special tokens, f, n, o, space
ARPA = """\\data\\
ngram 1=6
ngram 2=3

\\1-grams:
-99	<s>	-0.2
-0.9	</s>
-0.5	on	-0.3
-0.7	off	-0.2
-1.1	no	-0.1
-1.3	noon	-0.2

\\2-grams:
-0.1	<s> on
-0.2	on off
-0.3	off </s>

\\end\\
"""


class Model:
    """A model without an attention decoder whose encodings are CTC's logits."""

    decoder = None

    def ctc_log_probs(self, encodings: Tensor) -> Tensor:
        return encodings.log_softmax(-1)


class LikesLateLetters:
    """A `LabelScorer` that gives a label its number in nats, and every end one."""

    def initial_state(self, num_hypotheses: int, device: torch.device) -> Tensor:
        return torch.zeros(num_hypotheses, device=device)

    def gains(self, state: Tensor, candidates: Tensor | None) -> Tensor:
        assert candidates is not None
        return candidates.float()

    def final_gains(self, state: Tensor) -> Tensor:
        return torch.ones_like(state)

    def advance(self, state: Tensor, rows: Tensor, labels: Tensor) -> Tensor:
        return state[rows]


@pytest.fixture(scope="module")
def graphs(tmp_path_factory) -> dict[str, DecodingGraph]:
    folder: Path = tmp_path_factory.mktemp("graphs")
    tokenizer = CharTokenizer.train([" ".join(WORDS)], CharTokenizerParams())
    tokenizer.save(folder / "tokenizer")
    (folder / "words").write_text("\n".join(WORDS))
    (folder / "lm.arpa").write_text(ARPA)
    given = {
        "h": {},
        "hl": {"words": folder / "words"},
        "hlg": {"arpa": folder / "lm.arpa"},
    }
    for kind, files in given.items():
        build_graph(GraphRequest(kind, folder / "tokenizer", folder / kind, **files))
    return {kind: load_graph(folder / kind, tokenizer) for kind in given}


def encodings(*shape: int, seed: int, sharpness: float = 3.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    logits = sharpness * torch.randn(*shape, VOCAB_SIZE, generator=generator)
    logits[..., 1:3] = -30.0
    return logits


def run(graph, batch: Tensor, lengths: list[int], **options) -> list[list[Hypothesis]]:
    return decode(
        "wfst",
        Model(),
        batch,
        torch.tensor(lengths),
        DecodingOptions(**options),
        dataclasses.replace(NO_RESOURCES, graph=graph),
        seconds_per_frame=0.04,
    )


def test_h_gives_what_greedy_gives(graphs) -> None:
    batch, lengths = encodings(8, 40, seed=0), [40, 31, 40, 7, 1, 22, 40, 13]
    expected = ctc_greedy_search(batch.log_softmax(-1), torch.tensor(lengths))
    found_in = run(graphs["h"], batch, lengths)
    for row, ((found,), path) in enumerate(zip(found_in, expected, strict=True)):
        assert found.tokens == path.tokens
        assert found.score == pytest.approx(path.score, abs=1e-4)
        starts = label_starts(tuple(batch[row, : lengths[row]].argmax(-1).tolist()))
        assert found.timestamps == pytest.approx([frame * 0.04 for frame in starts])


@pytest.mark.parametrize("kind", ["h", "hl", "hlg"])
@pytest.mark.parametrize("n_best", [1, 8])
def test_neighbours_and_padding_change_nothing(kind, n_best, graphs) -> None:
    batch, lengths = encodings(5, 30, seed=1), [30, 4, 0, 17, 25]
    for row, length in enumerate(lengths):
        batch[row, length:] = 100.0
    together = run(graphs[kind], batch, lengths, n_best=n_best)
    for row, length in enumerate(lengths):
        alone = run(graphs[kind], batch[row : row + 1, :length], [length], n_best=n_best)
        assert together[row] == alone[0]
    assert together[2] == [Hypothesis([], 0.0)]


@pytest.mark.parametrize("kind", ["h", "hl", "hlg"])
def test_n_best_lists_are_sorted_and_distinct_and_begin_with_the_best(kind, graphs) -> None:
    batch = encodings(4, 25, seed=2, sharpness=1.5)
    lists = run(graphs[kind], batch, [25] * 4, n_best=10)
    for found, (best,) in zip(lists, run(graphs[kind], batch, [25] * 4), strict=True):
        assert len(found) == 10
        scores = [h.score for h in found]
        assert scores == sorted(scores, reverse=True)
        assert len({h.text or tuple(h.tokens) for h in found}) == 10
        assert found[0].tokens == best.tokens
        assert found[0].score == pytest.approx(best.score, abs=1e-4)
        assert all(len(h.timestamps) == len(h.tokens) for h in found)


def test_words_only_and_spelled_by_their_tokens(graphs) -> None:
    symbols = ["", "", "", "f", "n", "o", " "]
    for (found,) in run(graphs["hlg"], encodings(6, 40, seed=3), [40] * 6):
        assert found.text.split()
        assert set(found.text.split()) <= set(WORDS)
        assert "".join(symbols[token] for token in found.tokens) == found.text


def test_silence_is_an_empty_text(graphs) -> None:
    silence = encodings(1, 50, seed=4)
    silence[..., 0] = 40.0
    for kind in ("h", "hl", "hlg"):
        for n_best in (1, 4):
            best = run(graphs[kind], silence, [50], n_best=n_best)[0][0]
            assert (best.tokens, best.text, best.complete) == ([], "", True)


@pytest.mark.parametrize("n_best", [1, 3])
def test_what_cannot_end_is_returned_and_says_so(n_best, tmp_path) -> None:
    """Frames that are surely no blank, and no word of two letters: the best is part of a word."""
    words = [f"{letter}ab" for letter in string.ascii_lowercase]
    tokenizer = CharTokenizer.train(words, CharTokenizerParams())
    tokenizer.save(tmp_path / "tokenizer")
    (tmp_path / "words").write_text("\n".join(words))
    build_graph(
        GraphRequest("hl", tmp_path / "tokenizer", tmp_path / "hl", words=tmp_path / "words")
    )
    graph = load_graph(tmp_path / "hl", tokenizer)
    logits = torch.zeros(1, 3, tokenizer.vocab_size)
    logits[..., :3] = -200.0
    for frame, letter in enumerate("kab"):
        logits[0, frame, tokenizer.encode(letter)] = 3.0
    (whole,) = run(graph, logits, [3], n_best=n_best, graph_beam=5.0)
    (part,) = run(graph, logits, [2], n_best=n_best, graph_beam=5.0)
    (widened,) = run(graph, logits, [2], n_best=n_best, graph_beam=300.0)
    assert whole[0].text == "kab"
    assert whole[0].complete
    assert part[0].tokens == tokenizer.encode("ka")
    assert not part[0].complete
    assert (widened[0].tokens, widened[0].complete) == ([], True)


def test_acoustic_scale_and_lm_weight_are_two_ways_to_say_the_same(graphs) -> None:
    batch = encodings(6, 30, seed=6, sharpness=1.0)
    wide = {"graph_beam": 500.0, "lattice_beam": 500.0}
    scaled = run(graphs["hlg"], batch, [30] * 6, acoustic_scale=0.5, **wide)
    weighted = run(graphs["hlg"], batch, [30] * 6, graph_weight=2.0, **wide)
    for (one,), (two,) in zip(scaled, weighted, strict=True):
        assert one.text == two.text
        assert 2.0 * one.score == pytest.approx(two.score, abs=1e-3)


@pytest.mark.parametrize("extras", [("hotwords",), ("ngram",), ("ngram", "neural")])
def test_extras_score_the_list_anew_and_ngram_takes_the_graphs_place(extras, graphs) -> None:
    scores = encodings(12, seed=7, sharpness=1.0).log_softmax(-1).numpy()
    options = DecodingOptions(
        n_best=10, graph_beam=500.0, lattice_beam=500.0, graph_paths=10_000, graph_weight=0.5
    )
    fusion = Fusion([(LikesLateLetters(), 0.7)])
    everything = options.model_copy(update={"n_best": 10_000})
    replaced = "ngram" in extras
    plain = decode_utterance(
        scores, SearchRequest(everything, graph=graphs["hl" if replaced else "hlg"]), CPU
    )
    gains = score_sequences(fusion, [path.tokens for path in plain], CPU).tolist()
    expected = sorted((path.score + gain for path, gain in zip(plain, gains, strict=True)))[::-1]
    rescored = decode_utterance(scores, SearchRequest(options, fusion, extras, graphs["hlg"]), CPU)
    assert [path.score for path in rescored] == pytest.approx(expected[:10], abs=1e-4)


@pytest.mark.parametrize("n_best", [1, 5])
def test_noise_stays_within_its_limits(n_best, graphs) -> None:
    """All symbols alike, a beam that holds the whole graph, and many frames."""
    noise = encodings(1, 3000, seed=8, sharpness=0.01)
    (found,) = run(graphs["hlg"], noise, [3000], n_best=n_best, graph_beam=200.0, max_active=30)
    assert np.isfinite(found[0].score)


@pytest.mark.parametrize(
    "wrong",
    [
        {"graph_beam": 0.0},
        {"lattice_beam": -1.0},
        {"max_active": 0},
        {"acoustic_scale": 0.0},
        {"graph_weight": -0.1},
        {"graph_paths": 0},
    ],
)
def test_options_are_checked(wrong) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        DecodingOptions(**wrong)


def test_a_graph_is_asked_for() -> None:
    with pytest.raises(UserError, match=r"'wfst' needs a decoding graph \(--graph\)"):
        decode(
            "wfst",
            Model(),
            torch.zeros(1, 2, VOCAB_SIZE),
            torch.tensor([2]),
            DecodingOptions(),
            Resources(),
            seconds_per_frame=0.04,
        )


def test_a_model_that_has_diverged_is_told(graphs) -> None:
    batch = encodings(2, 5, seed=9)
    batch[1, 2] = torch.nan
    with pytest.raises(UserError, match=r"utterance 1 .* not finite"):
        run(graphs["hlg"], batch, [5, 5])
