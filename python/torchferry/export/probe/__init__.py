"""Probes: an artifact of a bundle with the values inside it as further outputs, so that any engine can show them."""
