"""The decoding methods by name.

| name | score of a hypothesis (natural log) |
|---|---|
| `ctc-greedy` | the best CTC alignment |
| `ctc-prefix-beam` | all CTC alignments of the tokens within the beam |
| `lm-rescoring` | as `ctc-prefix-beam` |
| `attention` | the tokens and eos by the decoder; hotwords as far as CTC has heard them |
| `joint` | `ctc_weight * ctc + (1 - ctc_weight) * attention`, all CTC alignments |
| `attention-rescoring` | `ctc_weight * ctc + (1 - ctc_weight) * attention` |
| `wfst` | `acoustic_scale * ctc + graph_weight * graph`, both of the best alignment |
| `k2-ctc` | the best CTC alignment of the tokens |
| `k2-hlg`, `k2-hlg-rescoring`, `k2-attention-rescoring` | see `asr.decoding.searches.k2_lattices` |

What extras and `length_bonus` add comes on top, and in `attention` and `joint` coverage.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from asr.config.decoding import METHODS, DecodingOptions, check_method
from asr.decoding.base import DecodableModel, Search, SearchRequest, model_parts, scores_not_finite
from asr.decoding.hypothesis import Hypothesis, TokenPath
from asr.decoding.resources import NO_RESOURCES, Resources
from asr.decoding.searches.attention import attention
from asr.decoding.searches.greedy import greedy
from asr.decoding.searches.joint import joint
from asr.decoding.searches.k2_lattices import k2_attention_rescoring, k2_ctc, k2_hlg
from asr.decoding.searches.prefix_beam import prefix_beam
from asr.decoding.searches.rescoring import lm_rescoring, rescoring
from asr.decoding.searches.wfst import wfst
from asr.decoding.timing import CtcOnce, timed_hypotheses

SEARCHES: dict[str, Search] = {
    "ctc-greedy": greedy,
    "ctc-prefix-beam": prefix_beam,
    "lm-rescoring": lm_rescoring,
    "attention": attention,
    "joint": joint,
    "attention-rescoring": rescoring,
    "wfst": wfst,
    "k2-ctc": k2_ctc,
    "k2-hlg": k2_hlg,
    "k2-hlg-rescoring": k2_hlg,
    "k2-attention-rescoring": k2_attention_rescoring,
}


@torch.inference_mode()
def decode(
    method: str,
    model: DecodableModel,
    encodings: Tensor,
    lengths: Tensor,
    options: DecodingOptions,
    resources: Resources = NO_RESOURCES,
    *,
    seconds_per_frame: float,
    with_times: bool = True,
) -> list[list[Hypothesis]]:
    """Decode a batch of encoded utterances.

    Args:
        method: a name, extras included: see `asr.config.decoding`.
        model: in evaluation mode.
        encodings: (B, T', D).
        lengths: (B,), frames that are real; the others change nothing.
        options: see `DecodingOptions`.
        resources: what the extras are.
        seconds_per_frame: duration of one encoder frame, for the timestamps.
        with_times: whether the hypotheses returned are placed in time (`asr.decoding.timing`).

    Returns:
        For each utterance at least one and at most `options.n_best` hypotheses, best first. An
        utterance without frames has one, empty, with score 0.

    Raises:
        UserError: there is no such method, the model or the resources lack what it needs, or a
            score is not finite.
    """
    name = check_method(method, model_parts(model))
    resources.check(name)
    fusion = resources.fusion(name, options)
    rescoring_model = resources.rescoring if METHODS[name.base].needs_rescoring_ngram else None
    request = SearchRequest(options, fusion, name.extras, resources.graph, rescoring_model)
    search = SEARCHES[name.base]
    results = [[Hypothesis([], 0.0)] for _ in range(encodings.size(0))]
    heard = lengths.nonzero()[:, 0]
    if heard.numel() == 0:
        return results
    encodings, lengths = encodings[heard.to(encodings.device)], lengths[heard]
    shared = CtcOnce(model)
    found = search(shared, encodings, lengths, request)
    best = [
        _checked(paths, row)[: options.n_best]
        for row, paths in zip(heard.tolist(), found, strict=True)
    ]
    log_probs = shared.ctc_log_probs(encodings) if with_times else None
    hypotheses = timed_hypotheses(best, log_probs, lengths, seconds_per_frame)
    for row, of_utterance in zip(heard.tolist(), hypotheses, strict=True):
        results[row] = of_utterance
    return results


def _checked(paths: list[TokenPath], row: int) -> list[TokenPath]:
    if not paths or not all(math.isfinite(path.score) for path in paths):
        raise scores_not_finite(f"utterance {row} of the batch")
    return paths
