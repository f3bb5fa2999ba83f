"""What the providers send, and how they read what comes back."""
