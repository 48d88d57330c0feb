"""How large an error may be: certified by a walk over the program, else estimated."""
