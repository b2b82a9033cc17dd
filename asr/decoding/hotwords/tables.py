"""The automaton of phrases laid out for search; no torch, so that a light process may build it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from asr.decoding.hotwords.context_graph import (
    AT_BOUNDARY,
    BOUNDARY,
    ROOT,
    ContextGraph,
    LetterTree,
    Move,
)

Tables = dict[str, np.ndarray]


def build_tables(boosts: Mapping[str, float], vocabulary: Sequence[str]) -> Tables:
    """Return the automaton over S nodes and V tokens, of which A moves differ from the usual.

    Args:
        boosts: boost of each phrase, which is written in letters (see `Tokenizer.letters`).
        vocabulary: the letters of each token.

    Returns:
        credit: (S,), given back when a node is left
        at_boundary: (S,), 1 where a word has just ended, else 0: a row of the usual moves
        completed: (S,), boosts of the phrases that end if the word ends here
        begins_word: (V,), whether the token ends the word before it
        usual_node: (2, V)
        usual_gain: (2, V), completed phrases and credit of the new node
        first_arc: (S + 1,), place of a node's first special move
        arc: (A + 1,), node * V + token, rising; the last is a sentinel
        arc_node, arc_gain: (A + 1,)
    """
    graph, tree, size = ContextGraph(boosts), LetterTree(vocabulary), len(vocabulary)
    usual = [[graph.move(node, letters) for letters in vocabulary] for node in (ROOT, AT_BOUNDARY)]
    first_arc, arcs, moves = [0], [], []
    for node, special in enumerate(graph.all_special_tokens(tree)):
        arcs += [node * size + token for token in special]
        moves += [graph.move(node, vocabulary[token]) for token in special]
        first_arc.append(len(arcs))
    arcs.append(len(graph) * size)
    moves.append(graph.move(ROOT, ""))

    def gain(move: Move) -> float:
        return float(move.completed + graph.credit[move.node])

    reals, integers = np.float32, np.int64
    return {
        "credit": np.array(graph.credit, reals),
        "at_boundary": np.array(graph.ends_word, integers),
        "completed": np.array(
            [graph.move(node, BOUNDARY).completed for node in range(len(graph))], reals
        ),
        "begins_word": np.array([letters[:1] == BOUNDARY for letters in vocabulary]),
        "usual_node": np.array([[move.node for move in row] for row in usual], integers),
        "usual_gain": np.array([[gain(move) for move in row] for row in usual], reals),
        "first_arc": np.array(first_arc, integers),
        "arc": np.array(arcs, integers),
        "arc_node": np.array([move.node for move in moves], integers),
        "arc_gain": np.array([gain(move) for move in moves], reals),
    }
