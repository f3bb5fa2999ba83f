"""What `|` and the fluent methods make: sequences, dicts of steps, functions, policies."""
