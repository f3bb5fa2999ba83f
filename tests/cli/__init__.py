"""Tests of the command `runnables`."""
