"""Pictures of chains, and what can be said of them before they run."""
