"""The conformance suite on our own models, and on broken ones, which it must catch."""
