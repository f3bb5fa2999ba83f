"""Batches as jobs: watched, resumed, and stopped by errors or money."""
