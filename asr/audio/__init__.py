"""Audio files: one reader for all of them, and which decoder owns which format; no torch."""
