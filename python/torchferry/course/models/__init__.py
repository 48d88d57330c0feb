"""The course's models. Each takes raw values and returns named outputs; preprocessing is part of the model."""
