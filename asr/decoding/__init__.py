"""From encodings to token sequences: the decoding methods and what they share."""
