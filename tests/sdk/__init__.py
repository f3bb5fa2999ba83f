"""The official SDKs and the providers, compared on a replay server."""
