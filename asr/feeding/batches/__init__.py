"""What training draws its steps from: the sampler and padded batches."""
