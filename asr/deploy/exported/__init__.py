"""An exported folder as a model that the toolkit runs."""
