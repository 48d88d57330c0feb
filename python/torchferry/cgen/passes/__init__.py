"""Passes from graph to graph; `pipeline` says which run and verifies the graph after each."""
