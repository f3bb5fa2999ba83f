"""The base of providers whose models are reached over HTTP."""
