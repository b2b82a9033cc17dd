"""CTC prefix beam search (Graves 2012, section 7.5.3; Hannun et al. 2014, algorithm 1).

`frames.py` chooses the frames and symbols that are looked at, `step.py` takes one frame for all
utterances and beam entries at once, `history.py` keeps the labels, `fused.py` what language models
and hotwords add, and `search.py` puts them together.
"""

from asr.decoding.searches.prefix_beam.search import (
    PrefixBeamSearch,
    ctc_prefix_beam_search,
    prefix_beam,
)

__all__ = ["PrefixBeamSearch", "ctc_prefix_beam_search", "prefix_beam"]
