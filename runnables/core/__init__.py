"""The contract: config, events, batching, schemas, and what users' own code joins by."""
