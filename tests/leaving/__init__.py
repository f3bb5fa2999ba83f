"""Law 6 against what is outside of Python: a real model, and a connection to a server."""
