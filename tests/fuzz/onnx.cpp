// The door of ONNX.
#include <cstdint>

#include "onnx_door.hpp"

#include "ferry/engine.hpp"
#include "fuzz.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = ferry::fuzz::text_of({data, size});
  return ferry::fuzz::refuses<ferry::engines::Refusal>([&] { ferry::engines::check_onnx_model("model.onnx", text); });
}
