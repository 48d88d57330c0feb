"""What verify, diff and report do, callable from Python: replay, matrix, layers, latency."""
