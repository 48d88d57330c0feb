// A C++ program built without exceptions and run-time types uses ferry.h: errors come back as codes, and none ends it.
#include <ferry/ferry.h>

#include <array>
#include <cstdint>

#include "check.h"

#if defined(__cpp_exceptions) || defined(__cpp_rtti)
#error "this test is compiled with -fno-exceptions -fno-rtti"
#endif

int main(int count, char** arguments) {
  CHECK(count == 2);
  ferry_bundle* bundle = nullptr;
  CHECK(ferry_bundle_open("/nowhere", &bundle) == FERRY_IO);  // libferry throws inside, and catches it there
  CHECK(bundle == nullptr);
  CHECK(ferry_bundle_open(arguments[1], &bundle) == FERRY_OK);
  ferry_session* session = nullptr;
  CHECK(ferry_session_open(bundle, "torchscript", "cpu", 1, &session) == FERRY_UNAVAILABLE);
  CHECK(ferry_session_open(bundle, "toy", "cpu", 1, &session) == FERRY_OK);
  const std::array<float, 3> values = {1, 5, 3};
  const std::array<std::int64_t, 2> shape = {1, 3};
  ferry_tensor_view x = {"x", FERRY_FLOAT32, 2, shape.data(), values.data(), sizeof values};
  ferry_outputs* outputs = nullptr;
  CHECK(ferry_session_run(session, &x, 1, &outputs) == FERRY_OK);
  CHECK(static_cast<const float*>(ferry_outputs_find(outputs, "scaled")->data)[1] == 10.0F);
  ferry_outputs_close(outputs);
  x.dtype = FERRY_FLOAT64;
  CHECK(ferry_session_run(session, &x, 1, &outputs) == FERRY_BAD_INPUT);
  ferry_session_close(session);
  ferry_bundle_close(bundle);
  return failures == 0 ? 0 : 1;
}
