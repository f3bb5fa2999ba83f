"""How much public code runs here after only its imports are changed: a runner, started by hand."""
