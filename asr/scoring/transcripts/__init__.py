"""Files of references and hypotheses that other programs write and score, read and paired."""
