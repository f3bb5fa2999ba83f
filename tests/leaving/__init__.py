"""Law 6 with sources outside of Python: a real model, and a connection to a server."""
