"""What only services that are reached over HTTP share."""
