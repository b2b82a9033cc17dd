"""What is on disk, made into checked cuts: layouts, tables, splits, manifests, validation."""
