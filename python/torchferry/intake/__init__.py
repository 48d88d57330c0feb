"""What the user gave: from a module and words about it to a module, a contract and goldens."""
