"""What builds and checks the project, run from its root."""
