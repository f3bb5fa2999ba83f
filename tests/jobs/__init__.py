"""Batches as jobs."""
