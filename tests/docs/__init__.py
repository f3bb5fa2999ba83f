"""Runs the code of the README, the docs and the examples."""
