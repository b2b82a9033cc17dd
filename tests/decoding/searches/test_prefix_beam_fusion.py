"""The prefix beam with language models beside CTC."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from flashlight.lib.text.decoder import (
    CriterionType,
    LexiconFreeDecoder,
    LexiconFreeDecoderOptions,
)
from flashlight.lib.text.decoder.kenlm import KenLM
from flashlight.lib.text.dictionary import Dictionary
from torch import Tensor

from asr.decoding.fusion import Fusion
from asr.decoding.searches.prefix_beam import ctc_prefix_beam_search
from tests.decoding.decoding_reference import (
    BLANK,
    SOS_EOS,
    BigramScorer,
    Labels,
    PrefixBeam,
    assert_same_paths,
    collapse,
    ctc_scores,
    log_add,
    random_log_probs,
)

WEIGHT, BONUS = 0.7, 0.3


def fusion_of(scorer: BigramScorer) -> Fusion:
    return Fusion([(scorer, WEIGHT)], BONUS)


def gain(scorer: BigramScorer, labels: Labels) -> float:
    """What `fusion_of(scorer)` adds, without the end."""
    return WEIGHT * scorer.score_open(labels) + BONUS * len(labels)


@pytest.mark.parametrize(("frames", "vocab_size"), [(1, 4), (4, 4), (3, 6), (6, 3)])
def test_a_wide_beam_sorts_every_sequence_by_both(frames: int, vocab_size: int) -> None:
    for seed in range(5):
        scorer = BigramScorer(vocab_size, seed)
        log_probs = random_log_probs(2, frames, vocab_size, seed=seed)
        beams = ctc_prefix_beam_search(
            log_probs,
            torch.tensor([frames, frames - 1]),
            vocab_size**frames,
            fusion=fusion_of(scorer),
            candidates=vocab_size,
        )
        for row, length in enumerate((frames, frames - 1)):
            expected = {
                labels: ctc + WEIGHT * scorer.score(labels) + BONUS * len(labels)
                for labels, ctc in ctc_scores(log_probs[row, :length]).items()
            }
            in_order = sorted(expected, key=lambda labels: -expected[labels])
            assert [tuple(path.tokens) for path in beams[row]] == in_order
            for path in beams[row]:
                labels = tuple(path.tokens)
                assert path.score == pytest.approx(expected[labels], abs=1e-4)
                fused = WEIGHT * scorer.score(labels) + BONUS * len(labels)
                assert path.fused == pytest.approx(fused, abs=1e-4)


@pytest.mark.parametrize(("beam_size", "candidates"), [(1, 3), (3, 6), (5, 16), (12, 4)])
def test_a_narrow_beam_equals_the_dictionary_reference(beam_size: int, candidates: int) -> None:
    for seed in range(20):
        vocab_size = 4 + seed % 12
        scorer = BigramScorer(vocab_size, seed)
        log_probs = random_log_probs(40, vocab_size, seed=seed, sharpness=1.0 + seed % 4)
        reference = PrefixBeam(
            beam_size,
            gain=lambda labels, scorer=scorer: gain(scorer, labels),
            end_gain=lambda labels, scorer=scorer: (
                WEIGHT * scorer.score(labels) + BONUS * len(labels)
            ),
            candidates=candidates,
        ).search(log_probs)
        (paths,) = ctc_prefix_beam_search(
            log_probs[None],
            torch.tensor([40]),
            beam_size,
            fusion=fusion_of(scorer),
            candidates=candidates,
        )
        assert [tuple(path.tokens) for path in paths] == [tokens for tokens, _ in reference.best]
        expected = [score for _, score in reference.best]
        assert [path.score for path in paths] == pytest.approx(expected, abs=1e-4)


def test_neighbours_and_padding_change_nothing() -> None:
    lengths = torch.tensor([4, 9, 0, 1, 7, 9])
    log_probs = random_log_probs(6, 12, 6, seed=8)
    for row, length in enumerate(lengths.tolist()):
        log_probs[row, length:] = torch.nan
    fusion = fusion_of(BigramScorer(6, seed=0))
    batched = ctc_prefix_beam_search(log_probs, lengths, 4, fusion=fusion)
    for row, length in enumerate(lengths.tolist()):
        heard, size = log_probs[row : row + 1, :length], lengths[row : row + 1]
        (alone,) = ctc_prefix_beam_search(heard, size, 4, fusion=fusion)
        assert_same_paths(batched[row], alone)


def test_fusion_of_nothing_changes_nothing() -> None:
    log_probs, lengths = random_log_probs(3, 30, 8, seed=1), torch.tensor([30, 12, 21])
    log_probs[:, :, SOS_EOS] = -math.inf
    plain = ctc_prefix_beam_search(log_probs, lengths, 5)
    fused = ctc_prefix_beam_search(log_probs, lengths, 5, fusion=Fusion([]), candidates=6)
    for ours, theirs in zip(fused, plain, strict=True):
        assert_same_paths(ours, theirs)


def test_a_language_model_finds_what_ctc_alone_ranks_below_the_beam() -> None:
    """The candidates of a frame must reach further than the beam alone would need."""
    scorer = BigramScorer(8, seed=0)
    scorer.table[:, 6] = 5.0
    log_probs = torch.tensor([[0.05, 0.0, 0.3, 0.25, 0.2, 0.1, 0.06, 0.04]]).log()
    fusion, length = Fusion([(scorer, 1.0)]), torch.tensor([1])
    (few,) = ctc_prefix_beam_search(log_probs[None], length, 2, fusion=fusion, candidates=3)
    (more,) = ctc_prefix_beam_search(log_probs[None], length, 2, fusion=fusion, candidates=6)
    assert few[0].tokens != [6]
    assert more[0].tokens == [6]


# ---- against flashlight's lexicon-free decoder with KenLM ----


def word(label: int) -> str:
    return f"t{label}"


def write_arpa(scorer: BigramScorer, path: Path) -> None:
    """Write the scorer's table as a bigram model in log10, `SOS_EOS` as <s> and </s>."""
    table = (scorer.table.double() / math.log(10)).tolist()
    labels = range(2, len(table))
    unigrams = ["-99\t<unk>\t0", "-99\t<s>\t0", "-1\t</s>", *(f"-1\t{word(t)}\t0" for t in labels)]
    bigrams = [
        f"{table[left][right]:.8f}\t{'<s>' if left == SOS_EOS else word(left)} "
        f"{'</s>' if right == SOS_EOS else word(right)}"
        for left, right in itertools.product((SOS_EOS, *labels), repeat=2)
    ]
    counts = f"\\data\\\nngram 1={len(unigrams)}\nngram 2={len(bigrams)}\n"
    sections = ["\\1-grams:", *unigrams, "", "\\2-grams:", *bigrams, "", "\\end\\", ""]
    path.write_text(counts + "\n" + "\n".join(sections), encoding="utf-8")


def flashlight_scores(log_probs: Tensor, arpa: Path, beam_size: int) -> dict[Labels, float]:
    """Labels and scores in flashlight's beam; alignments that end in blank and not are added."""
    frames, vocab_size = log_probs.shape
    tokens = Dictionary([word(label) for label in range(vocab_size)])
    options = LexiconFreeDecoderOptions(
        beam_size=beam_size,
        beam_size_token=vocab_size,
        beam_threshold=1e9,
        lm_weight=WEIGHT * math.log(10),
        sil_score=0.0,
        log_add=True,
        criterion_type=CriterionType.CTC,
    )
    decoder = LexiconFreeDecoder(options, KenLM(str(arpa), tokens), -1, BLANK, [])
    emissions = np.ascontiguousarray(log_probs.float().numpy())
    found: dict[Labels, float] = {}
    for result in decoder.decode(emissions.ctypes.data, frames, vocab_size):
        labels = collapse(tuple(result.tokens[1:-1]))
        found[labels] = log_add(found.get(labels, -math.inf), result.score)
    return found


@pytest.mark.parametrize("frames", [2, 5])
def test_it_equals_flashlight_with_the_same_language_model(frames: int, tmp_path: Path) -> None:
    vocab_size, arpa = 5, tmp_path / "bigram.arpa"
    for seed in range(2):
        scorer = BigramScorer(vocab_size, seed)
        write_arpa(scorer, arpa)
        log_probs = random_log_probs(frames, vocab_size, seed=seed)
        expected = flashlight_scores(log_probs, arpa, beam_size=10**5)
        likely = sorted(expected, key=lambda labels: -expected[labels])
        likely = [labels for labels in likely if SOS_EOS not in labels]
        (paths,) = ctc_prefix_beam_search(
            log_probs[None],
            torch.tensor([frames]),
            vocab_size**frames,
            fusion=Fusion([(scorer, WEIGHT)]),
            candidates=vocab_size,
        )
        assert [tuple(path.tokens) for path in paths] == likely
        for path, labels in zip(paths, likely, strict=True):
            assert path.score == pytest.approx(expected[labels], abs=1e-4)
