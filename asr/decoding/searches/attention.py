"""Beam search with the attention decoder alone."""

from __future__ import annotations

from torch import Tensor

from asr.decoding.base import AttentionDecoder, DecodableModel, SearchRequest
from asr.decoding.fusion import Fusion
from asr.decoding.hotwords.scorer import HotwordScorer
from asr.decoding.hypothesis import TokenPath
from asr.decoding.searches.label_search.ctc import HeardBoosts
from asr.decoding.searches.label_search.scorers import Scorers
from asr.decoding.searches.label_search.search import label_search


def attention(
    model: DecodableModel, encodings: Tensor, lengths: Tensor, request: SearchRequest
) -> list[list[TokenPath]]:
    """`attention`: what the decoder finds most probable.

    Nothing keeps it from writing what it is rewarded for but was not said; therefore hotwords count
    only as far as CTC has heard them (`HeardBoosts`).
    """
    assert model.decoder is not None
    fused = request.fusion.scorers if request.fusion else ()
    hotwords = [pair for pair in fused if isinstance(pair[0], HotwordScorer)]
    heard = None
    if hotwords:
        heard = HeardBoosts(Fusion(hotwords), model.ctc_log_probs(encodings), lengths)
    return attention_beam_search(model.decoder, encodings, lengths, request, heard)


def attention_beam_search(
    decoder: AttentionDecoder,
    encodings: Tensor,
    lengths: Tensor,
    request: SearchRequest,
    heard: HeardBoosts | None = None,
) -> list[list[TokenPath]]:
    """Search for the label sequences that the decoder and what is fused with it score highest.

    Args:
        decoder: the attention decoder.
        encodings: (B, T', D).
        lengths: (B,), frames that are real, at least one an utterance.
        request: the length bonus is in its fusion, as extras are.
        heard: takes back boosts that are in the fusion.

    Returns:
        For each utterance up to `n_best` paths, best first. A score is the sum of
        the log-probabilities of the labels and of eos, plus what fusion and coverage add.
    """
    scorers = Scorers.of_request(decoder, request, heard)
    return label_search(scorers, encodings, lengths, request.options)
