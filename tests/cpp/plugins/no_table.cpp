// A plugin that gives no table.
#include <ferry/engine.h>

const ferry_engine* ferry_engine_entry(void) { return nullptr; }
