"""The command `runnables`: runs a chain on one input, or on the rows of a file (extra `cli`)."""

from runnables.cli.command import main as main
