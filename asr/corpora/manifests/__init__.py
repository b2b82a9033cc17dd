"""lhotse's manifests: made from tables, their cuts checked row by row."""
