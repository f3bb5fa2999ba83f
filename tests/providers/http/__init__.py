"""The HTTP edge, against a server on loopback that does whatever it is told."""
