"""Files of samples: what `predict` reads and writes (FORMAT.md section 10). The C++ twin is cpp/cli."""
