"""Lattices and losses with k2 (github.com/k2-fsa/k2), which is optional: nothing else imports it.

| module | holds |
|---|---|
| `library.py` | whether k2 is there, and the one line that tells that it is not |
| `graphs.py`, `epsilons.py` | the CTC topology; decoding graphs made with kaldifst in k2's form |
| `rescoring.py` | an n-gram in the place of the graph's, for a whole lattice |
| `lattices.py` | a graph against log-probabilities: lattices |
| `nbest.py` | the best distinct hypotheses of a lattice; needs no k2 |
| `losses.py` | CTC and LF-MMI |
"""
