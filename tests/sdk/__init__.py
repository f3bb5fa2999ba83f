"""The official SDKs and ours, side by side at one recording server."""
