"""Policies for failures and time: retries, fallbacks, timeouts."""
