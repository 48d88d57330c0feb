// What the engines that stand on LibTorch share: how its failures become a code and one line, its devices and its threads.
#pragma once

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/cuda.h>
#include <torch/version.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <string_view>

#include "ferry/engine.hpp"
#include "libtorch_values.hpp"

namespace ferry::libtorch {

// The line of a LibTorch message that names the cause. The interpreter puts a traceback before it and flattens every exception to
// std::runtime_error; the cause then follows the last "...Error: " that begins a line.
inline std::string cause_of(std::string_view message) {
  constexpr std::string_view marker = "Error: ";
  for (auto at = message.rfind(marker); at != std::string_view::npos && at != 0; at = message.rfind(marker, at - 1)) {
    const auto line = message.rfind('\n', at) + 1;  // npos + 1 is 0: the first line
    if (message.substr(line, at - line).find(' ') == std::string_view::npos) {
      message.remove_prefix(at + marker.size());
      break;
    }
  }
  return std::string(message.substr(0, message.find('\n')));
}

inline bool is_out_of_memory(std::string_view message) {
  return message.find("out of memory") != std::string_view::npos ||
         message.find("can't allocate memory") != std::string_view::npos;
}

// engines::guarded for LibTorch. `torch_code` is what a failure of LibTorch means here, `task` what it failed at.
template <typename Body>
std::int32_t guarded(ferry_engine_error* error, std::int32_t torch_code, std::string_view task, const Body& body) noexcept {
  const auto fail = [&](const char* what) -> Refusal {
    return {is_out_of_memory(what) ? FERRY_IO : torch_code, std::string(task).append(": ").append(cause_of(what))};
  };
  return engines::guarded(error, "LibTorch", [&] {
    try {
      return body();
    } catch (const Refusal&) {
      throw;
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const c10::Error& failure) {
      throw fail(failure.what_without_backtrace());
    } catch (const std::exception& failure) {
      throw fail(failure.what());
    }
  });
}

// The device of that name, for the whole process with float32 in full. Throws Refusal where it is not there.
inline at::Device require_device(const std::string& name) {
  if (name == "cpu") return at::kCPU;
  const std::string_view digits = std::string_view(name).substr(std::min<std::size_t>(name.size(), 5));
  if (!name.starts_with("cuda:") || digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos)
    throw Refusal{FERRY_UNAVAILABLE, "got device " + name + ", expected cpu or cuda:N"};
  const int count = static_cast<std::uint8_t>(torch::cuda::device_count());
  const int index = digits.size() > 3 ? count : std::stoi(std::string(digits));
  if (index >= count)
    throw Refusal{FERRY_UNAVAILABLE, "--device: got " + name + ", expected a device that is here: " + std::to_string(count) +
                                         " CUDA devices; use --device cpu or a CUDA build of torch"};
  at::globalContext().setAllowTF32CuBLAS(false);
  at::globalContext().setAllowTF32CuDNN(false);  // on by default: 10 bits of mantissa in convolutions and recurrence
  return {at::kCUDA, static_cast<c10::DeviceIndex>(index)};
}

// LibTorch keeps the number of threads for each calling thread, and the host calls from any.
inline void use_threads(int threads) {
  if (at::get_num_threads() != threads) at::set_num_threads(threads);
}

}  // namespace ferry::libtorch
