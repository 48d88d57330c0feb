"""Reports of verdicts: text for the terminal, one HTML page for a browser."""
