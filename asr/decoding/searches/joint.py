"""Joint CTC/attention beam search in one pass (Watanabe et al. 2017, section IV-B)."""

from __future__ import annotations

from torch import Tensor

from asr.decoding.base import DecodableModel, SearchRequest
from asr.decoding.hypothesis import TokenPath
from asr.decoding.searches.attention import attention
from asr.decoding.searches.label_search.ctc import WeightedCtc
from asr.decoding.searches.label_search.ctc_prefix_score import CTCPrefixScorer
from asr.decoding.searches.label_search.scorers import Scorers
from asr.decoding.searches.label_search.search import label_search


def joint(
    model: DecodableModel, encodings: Tensor, lengths: Tensor, request: SearchRequest
) -> list[list[TokenPath]]:
    """`joint`: search by `ctc_weight * ctc + (1 - ctc_weight) * attention`, plus what fusion adds.

    CTC scores a hypothesis that grows by the probability of all transcripts that begin with it, and
    one that has ended by its own: it keeps the decoder from repeating, skipping and ending early.
    With a `ctc_weight` of 0 this is `attention`.
    """
    assert model.decoder is not None
    weight = request.options.ctc_weight
    if weight == 0:
        return attention(model, encodings, lengths, request)
    ctc = WeightedCtc(CTCPrefixScorer(model.ctc_log_probs(encodings), lengths), weight)
    scorers = Scorers.of_request(model.decoder, request, ctc, 1 - weight)
    return label_search(scorers, encodings, lengths, request.options)
