"""Answers of a declared type, from chat models."""
