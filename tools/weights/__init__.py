"""Trains and packs the weights that ship."""
