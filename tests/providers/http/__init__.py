"""The HTTP layer of the providers."""
