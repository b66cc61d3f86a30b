"""Training: data by step, the loss, the optimizer, checkpoints, and the loop that joins them."""
