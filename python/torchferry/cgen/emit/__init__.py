"""Graph -> the text of model.c, model.h and model.cmake. No file here knows an operator by name."""
