"""Tables of utterances, which every corpus enters as."""
