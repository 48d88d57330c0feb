"""Bundles behind the Open Inference Protocol (KServe v2), on Ray Serve: what `ferry serve` does. No torch."""
