"""Label-synchronous beam search: the methods `attention` and `joint`."""
