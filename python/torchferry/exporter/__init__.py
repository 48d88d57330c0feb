"""Export: a module in eval mode to artifacts, goldens, tolerances, and at last a bundle that has been replayed."""
