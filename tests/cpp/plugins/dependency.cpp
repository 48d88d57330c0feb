// A library that the plugin `orphan` needs and does not find.
extern "C" __attribute__((visibility("default"))) int dependency() { return 1; }
