"""Answers of a declared type."""
