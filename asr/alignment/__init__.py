"""When known transcripts were spoken: CTC forced alignment of a split with a trained model."""
