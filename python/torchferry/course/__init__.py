"""The lectures: their data, their models, their training."""
