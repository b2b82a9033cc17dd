"""lhotse's manifests and cuts: made from tables, read from files."""
