// A shared library that is no engine plugin.
extern "C" __attribute__((visibility("default"))) int answer() { return 42; }
