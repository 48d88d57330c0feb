"""Many rows through one bundle: what `ferry score` does, in one process or on the machines of a Ray cluster. No torch."""
