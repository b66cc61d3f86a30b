"""Evaluation: predictions for a data set, what they are worth, and how sure that is."""
