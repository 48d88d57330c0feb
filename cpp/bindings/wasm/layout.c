/* What torchferry.js reads and writes of ferry/engine.h by its place in memory. */
#include <ferry/ferry.h>
#include <stddef.h>

#define LIES_AT(type, member, place) _Static_assert(offsetof(type, member) == (place), "torchferry.js: another place of " #member)

LIES_AT(ferry_tensor_spec, name, 0);
LIES_AT(ferry_tensor_spec, dtype, 4);
LIES_AT(ferry_tensor_spec, rank, 8);
LIES_AT(ferry_tensor_spec, shape, 12);
LIES_AT(ferry_tensor_view, name, 0);
LIES_AT(ferry_tensor_view, dtype, 4);
LIES_AT(ferry_tensor_view, rank, 8);
LIES_AT(ferry_tensor_view, shape, 12);
LIES_AT(ferry_tensor_view, data, 16);
LIES_AT(ferry_tensor_view, bytes, 20);
_Static_assert(sizeof(ferry_tensor_view) == 24, "torchferry.js: another size of a view");
