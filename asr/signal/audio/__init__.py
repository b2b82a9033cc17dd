"""Audio in files and in lhotse's cuts; rates."""
