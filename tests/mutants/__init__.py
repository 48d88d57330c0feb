"""One-line changes of the product that its tests must catch: `make mutants` makes each in a copy of the tree and runs the tests."""
