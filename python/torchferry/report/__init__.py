"""Reports of verdicts: text for the terminal."""
