"""The engine: cancellation, slots, worker threads, fan-out, timeouts, streams and their merges."""
