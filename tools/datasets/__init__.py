"""Prepare data sets from their original downloads."""
