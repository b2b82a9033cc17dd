"""CTC and the denominator of LF-MMI as total scores of graphs, with gradients."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from asr.k2.lattices import Beams, make_lattices
from asr.k2.library import load_k2, outside_inference_mode
from asr.text.symbols import BLANK_ID, SOS_EOS_ID

_CTC_BEAM = 1000.0  # a transcript's graph is small: nothing is pruned


@outside_inference_mode
def ctc_loss(log_probs: Tensor, lengths: Tensor, tokens: Tensor, token_lengths: Tensor) -> Tensor:
    """Negative log-likelihood of the labels, summed over utterances (Graves et al. 2006).

    Infinite where an utterance has fewer frames than its labels need.

    Args:
        log_probs: (B, T', V) with lengths (B,).
        tokens: (B, U) with token_lengths (B,); blank is 0.
    """
    k2 = load_k2("ctc_implementation: k2")
    order = lengths.cpu().argsort(descending=True, stable=True)  # what intersect_dense asks for
    rows = zip(tokens[order].tolist(), token_lengths[order].tolist(), strict=True)
    graphs = k2.ctc_graph([row[:length] for row, length in rows], device=log_probs.device)
    segments = torch.stack([order, torch.zeros_like(order), lengths.cpu()[order]], dim=1)
    dense = k2.DenseFsaVec(log_probs.float(), segments.int())
    alignments = k2.intersect_dense(graphs, dense, output_beam=_CTC_BEAM)
    return -_totals(alignments).sum().to(log_probs.dtype)


@outside_inference_mode
def denominator_graph(bigram: Tensor) -> Any:
    """Return all that LF-MMI compares the transcript with: CTC topology and a bigram of tokens.

    Args:
        bigram: (V, V) log-probabilities of a token (column) after another (row); `<sos/eos>` is the
            begin of an utterance as a row, its end as a column. Row and column of blank are unused.

    Returns:
        an FsaVec of one graph without epsilons. State 0 is the begin; then come, for every token,
        the state in which it was the last frame's symbol, and the state in which a blank followed.
    """
    k2 = load_k2("the denominator graph of LF-MMI")
    scores = bigram.detach().float().cpu()
    size = len(scores)
    tokens = torch.tensor([t for t in range(size) if t not in (BLANK_ID, SOS_EOS_ID)])
    count = len(tokens)
    said = torch.arange(1, count + 1)
    waiting, end = said + count, 2 * count + 1
    nothing = torch.zeros(1, dtype=torch.long)
    zeros = torch.zeros(count)

    contexts = torch.cat([torch.tensor([SOS_EOS_ID]), tokens, tokens])  # of states 0 … 2 * count
    sources = torch.arange(end)
    next_scores = scores[contexts][:, tokens]  # (states, count)
    repeats = torch.zeros_like(next_scores, dtype=torch.bool)
    repeats[said, said - 1] = True  # without a blank between, a token goes on
    from_state, token = (~repeats).nonzero().unbind(1)
    parts = [
        (sources, torch.cat([nothing, waiting, waiting]), BLANK_ID, torch.zeros(end)),
        (said, said, tokens, zeros),
        (from_state, said[token], tokens[token], next_scores[~repeats]),
        (sources, torch.full_like(sources, end), -1, scores[contexts, SOS_EOS_ID]),
    ]
    columns = [
        (a, b, torch.as_tensor(label).expand_as(a), score.view(torch.int32))
        for a, b, label, score in parts
    ]
    arcs = torch.cat([torch.stack([c.int() for c in column], dim=1) for column in columns])
    arcs = arcs[arcs[:, 0].argsort(stable=True)]
    graph = k2.create_fsa_vec([k2.arc_sort(k2.Fsa(arcs))])
    return graph.to(bigram.device)


@outside_inference_mode
def total_log_probs(graph: Any, log_probs: Tensor, lengths: Tensor, beams: Beams) -> Tensor:
    """Return the summed probability (log) of all paths of a graph, (B,), within the beams.

    Args:
        graph: an FsaVec of one graph; see `denominator_graph`.
        log_probs: (B, T', V) with lengths (B,).
    """
    return _totals(make_lattices(graph, log_probs, lengths, beams)).to(log_probs.dtype)


def _totals(lattices: Any) -> Tensor:
    totals: Tensor = lattices.get_tot_scores(log_semiring=True, use_double_scores=True)
    return totals
