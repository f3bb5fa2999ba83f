"""The real llama.cpp server on loopback, for tests of providers; see server.py."""
