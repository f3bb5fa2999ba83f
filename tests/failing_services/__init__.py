"""A service that fails in every way, at random."""
