"""A real llama.cpp server, for tests of providers."""
