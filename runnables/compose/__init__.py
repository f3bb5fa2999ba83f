"""Composition: `Runnable`, and the runnables that `|` and the fluent methods make."""
