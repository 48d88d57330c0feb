"""What tests of several folders build: contracts, bundles, models."""
