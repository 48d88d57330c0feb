// A plugin whose own library is not where the loader looks.
#include <ferry/engine.h>

extern "C" int dependency();

const ferry_engine* ferry_engine_entry(void) { return dependency() == 1 ? nullptr : nullptr; }
