"""Coloured clouds of a recording's person: the visual hull, and heatmaps in space."""
