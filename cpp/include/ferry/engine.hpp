// ferry/engine.hpp: for authors of engine plugins in C++, over the C interface of ferry/engine.h. Nothing here has to be used.
//
// Header only, standard library only: refusals that become a code and one line at the C border, the sizes of dtypes, the caller's
// tensors as a runtime takes them, and a runtime's outputs as the views that the sink takes. cpp/examples/plugin is a whole
// engine.
#ifndef FERRY_ENGINE_HPP
#define FERRY_ENGINE_HPP

#if (defined(_MSVC_LANG) ? _MSVC_LANG : __cplusplus) < 201709L
#error "engine.hpp needs C++20: pass -std=c++20 (/std:c++20), or include ferry/engine.h, which is C and works in every C++"
#endif

#include <ferry/engine.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace ferry::engines {

// ---- refusals -----------------------------------------------------------------------------------------------------------------

// Why an engine cannot go on: the code that its function returns, and one line for the user (what was got, what was expected,
// what to do).
struct Refusal : std::exception {
  Refusal(std::int32_t its_code, std::string its_text) : code(its_code), text(std::move(its_text)) {}
  [[nodiscard]] const char* what() const noexcept override { return text.c_str(); }

  std::int32_t code;
  std::string text;
};

// Writes the line, cut where it is too long, and returns the code.
inline std::int32_t refuse(ferry_engine_error* error, std::int32_t code, std::string_view text) noexcept {
  const auto size = std::min(text.size(), sizeof error->text - 1);
  std::memcpy(error->text, text.data(), size);
  error->text[size] = '\0';
  return code;
}

// Runs `body` and turns every exception into a code and one line, because none may cross the C border. `body` returns a code, or
// nothing for FERRY_OK. `runtime` is named where it is to blame: FERRY_IO where memory is short, FERRY_INTERNAL for what nobody
// expected.
template <typename Body>
std::int32_t guarded(ferry_engine_error* error, std::string_view runtime, const Body& body) noexcept {
  try {
    try {
      if constexpr (std::is_void_v<std::invoke_result_t<const Body&>>) {
        body();
        return FERRY_OK;
      } else {
        return body();
      }
    } catch (const Refusal& refusal) {
      return refuse(error, refusal.code, refusal.text);
    } catch (const std::bad_alloc&) {
      return refuse(error, FERRY_IO, "got too little memory for " + std::string(runtime) + ", expected more");
    } catch (const std::exception& failure) {
      return refuse(error, FERRY_INTERNAL, std::string(runtime) + " failed: " + failure.what());
    }
  } catch (...) {
    return refuse(error, FERRY_INTERNAL, "the runtime failed with an exception of an unknown type");
  }
}

// ---- what is asked for --------------------------------------------------------------------------------------------------------

// Throws Refusal(FERRY_UNAVAILABLE) unless the device is `cpu`.
inline void require_cpu(const ferry_open_request& request, std::string_view runtime) {
  if (std::string_view(request.device) == "cpu") return;
  throw Refusal{FERRY_UNAVAILABLE,
                std::string("--device: got ") + request.device + ", expected cpu: " + std::string(runtime) + " runs there only"};
}

// Throws Refusal(`code`) unless the model has as many inputs or outputs as the contract. `what`: "input" or "output"; `model`:
// what the runtime calls a model.
inline void require_count(std::size_t got, std::size_t expected, std::string_view what, std::int32_t code,
                          std::string_view model = "model") {
  if (got == expected) return;
  throw Refusal{code, "got a " + std::string(model) + " of " + std::to_string(got) + ' ' + std::string(what) + "s, expected " +
                          std::to_string(expected) + " as in the contract; export it again"};
}

// The artifact's verified bytes, which are gone when `open` returns.
inline std::span<const std::byte> bytes_of(const ferry_artifact_file& file) {
  return {static_cast<const std::byte*>(file.data), file.bytes};
}

// ---- tensors ------------------------------------------------------------------------------------------------------------------

inline constexpr std::size_t dtype_count = 10;  // FERRY_BOOL to FERRY_BFLOAT16
inline constexpr std::size_t max_rank = 8;      // of any tensor of a contract

// Bytes of one element. `dtype` is one of FERRY_BOOL ...
inline std::size_t element_size(std::int32_t dtype) {
  constexpr std::array<std::size_t, dtype_count> sizes = {1, 1, 1, 2, 4, 8, 4, 8, 2, 2};
  return sizes.at(static_cast<std::size_t>(dtype));
}

// A runtime's own names for the dtypes of a contract, in the order of FERRY_BOOL ...
template <typename Type>
class Dtypes {
 public:
  template <typename... Names>
  constexpr explicit Dtypes(Names... names) : types_{names...} {
    static_assert(sizeof...(Names) == dtype_count, "one name for each of FERRY_BOOL to FERRY_BFLOAT16");
  }

  [[nodiscard]] constexpr Type to_runtime(std::int32_t dtype) const { return types_.at(static_cast<std::size_t>(dtype)); }

  // -1 for a type that no contract can name.
  [[nodiscard]] constexpr std::int32_t from_runtime(Type type) const {
    for (std::size_t dtype = 0; dtype < types_.size(); ++dtype)
      if (types_[dtype] == type) return static_cast<std::int32_t>(dtype);
    return -1;
  }

 private:
  std::array<Type, dtype_count> types_;
};

// "[?,3]": `?` for a dim that is free.
template <typename Dims>
std::string dims_text(const Dims& dims) {
  std::string text = "[";
  for (const auto dim : dims) text += (text.size() > 1 ? "," : "") + (dim < 0 ? std::string("?") : std::to_string(dim));
  return text + "]";
}

inline std::span<const std::int64_t> dims_of(const ferry_tensor_spec& spec) {
  return {spec.shape, static_cast<std::size_t>(spec.rank)};
}
inline std::span<const std::int64_t> dims_of(const ferry_tensor_view& view) {
  return {view.shape, static_cast<std::size_t>(view.rank)};
}

// An input's memory for a runtime that has no tensor of const memory and does not write to its inputs. Never null.
inline void* borrowed(const ferry_tensor_view& view) {
  static std::int64_t none = 0;
  return view.data == nullptr ? &none : const_cast<void*>(view.data);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
}

// The outputs of one call as views. It keeps their shapes; the data stays the caller's.
class Views {
 public:
  explicit Views(std::size_t count) {
    shapes_.reserve(count);
    views_.reserve(count);
  }

  // `name` is null for an output that has none: the host then takes outputs in contract order. Throws Refusal(FERRY_MISMATCH)
  // where `dtype` is -1.
  void add(const char* name, std::int32_t dtype, std::vector<std::int64_t> shape, const void* data) {
    if (dtype < 0)
      throw Refusal{FERRY_MISMATCH, "output " + std::string(name == nullptr ? std::to_string(views_.size()) : name) +
                                        ": got a dtype that no contract can hold; cast it inside the model and export again"};
    std::size_t bytes = element_size(dtype);
    for (const auto dim : shape) bytes *= static_cast<std::size_t>(dim);
    const auto& kept = shapes_.emplace_back(std::move(shape));
    views_.push_back({name, dtype, static_cast<std::int32_t>(kept.size()), kept.data(), data, bytes});
  }

  // Gives them to the host, which copies them. Returns what `run` has to return.
  [[nodiscard]] std::int32_t send(ferry_output_sink sink, void* context) const {
    return sink(context, views_.data(), views_.size());
  }

 private:
  std::vector<std::vector<std::int64_t>> shapes_;
  std::vector<ferry_tensor_view> views_;
};

// ---- run_direct ---------------------------------------------------------------------------------------------------------------

// Calls `call` again and again and writes how many nanoseconds each call took, with the end of what it returns.
template <typename Call>
void time_calls(std::size_t calls, std::int64_t* nanoseconds, const Call& call) {
  for (std::size_t i = 0; i < calls; ++i) {
    const auto start = std::chrono::steady_clock::now();
    call();
    nanoseconds[i] = std::chrono::nanoseconds(std::chrono::steady_clock::now() - start).count();
  }
}

}  // namespace ferry::engines

#endif
