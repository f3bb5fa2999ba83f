"""The console handler."""
