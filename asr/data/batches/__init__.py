"""What training draws its steps from: the CTC rule, the sampler, padded batches."""
