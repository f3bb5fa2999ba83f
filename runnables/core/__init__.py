"""The contract of every runnable: config, events, batches, schemas, and users' own classes."""
