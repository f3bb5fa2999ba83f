"""Services that fail in every way, at random."""
