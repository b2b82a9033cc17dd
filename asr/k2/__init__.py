"""Lattices and losses with k2 (github.com/k2-fsa/k2), which is optional: nothing else imports it.

| module | holds |
|---|---|
| `library.py` | whether k2 is there, and the one line that tells that it is not |
| `graphs.py` | CTC topology, decoding graphs read from OpenFst, an exact n-gram acceptor |
| `lattices.py` | a graph against log-probabilities: lattices, their best path, rescoring |
| `nbest.py` | the best distinct token sequences of a lattice; needs no k2 |
| `losses.py` | CTC and LF-MMI |
"""
