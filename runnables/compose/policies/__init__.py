"""What is done about failures and time: retries, fallbacks, timeouts."""
