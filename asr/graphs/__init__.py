"""Decoding graphs: weighted transducers from CTC's symbols to words (Mohri et al. 2002)."""
