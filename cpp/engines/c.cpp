// The engine `c`: generated C99, compiled (c_object.hpp). It is machine code of the bundle.
//
// A call runs on the caller's thread. Standard library and POSIX only.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "c_object.hpp"
#include "c_table.hpp"
#include "ferry/engine.hpp"

namespace {

using ferry::c::Library;
using namespace ferry::engines;

constexpr auto runtime_name = "the C model";

// One tensor of the contract as a member of a sample's struct.
struct Member {
  std::string name;
  std::int32_t dtype = 0;
  std::vector<std::int64_t> shape;  // the first dim is the batch
  std::size_t offset = 0;
  std::size_t bytes = 0;
};

struct Struct {
  std::size_t size = 0;
  std::vector<Member> members;
  bool is_bare = false;  // is an array of the one member an array of the struct?
};

}  // namespace

// A model that was opened: what the host holds between open and close. Nothing in it changes during run.
struct ferry_engine_model {
  ferry::c::Run run = nullptr;
  Struct input;
  Struct output;
};

namespace {

// ---- open: the model's structs, held to the contract ------------------------------------------------------------------------

// Bytes of one sample; nothing where a sample has no fixed size.
std::optional<std::size_t> sample_bytes(const ferry_tensor_spec& spec) {
  if (spec.rank < 1 || spec.shape[0] >= 0) return std::nullopt;
  std::size_t bytes = element_size(spec.dtype);
  for (std::int32_t axis = 1; axis < spec.rank; ++axis) {
    if (spec.shape[axis] < 0 || __builtin_mul_overflow(bytes, static_cast<std::size_t>(spec.shape[axis]), &bytes))
      return std::nullopt;
  }
  return bytes;
}

// The model's struct, held to the contract: a wrong size would make the model read or write beyond an array.
Struct match(const Library& library, const std::size_t* table, const ferry_tensor_spec* specs, std::size_t count,
             const std::string& what, std::int32_t code) {
  Struct found{.size = table[0], .members = {}, .is_bare = false};
  bool fits = table[1] == count;
  for (std::size_t i = 0; fits && i < count; ++i) {
    const auto offset = table[2 + 2 * i];
    const auto bytes = table[3 + 2 * i];
    fits = sample_bytes(specs[i]) == bytes && bytes <= found.size && offset <= found.size - bytes;
    found.members.push_back({specs[i].name, specs[i].dtype, {specs[i].shape, specs[i].shape + specs[i].rank}, offset, bytes});
  }
  if (!fits)
    throw Refusal{code, library.path + ": " + what + ": got a struct of other members or sizes than the contract's " + what +
                            "s; export it again"};
  found.is_bare = count == 1 && found.members[0].bytes == found.size;
  return found;
}

std::int32_t open_model(const ferry_open_request* request, ferry_engine_model** model, ferry_engine_error* error) noexcept {
  return guarded(error, runtime_name, [&] {
    require_cpu(*request, "C");
    const auto& library = ferry::c::load_once(*request);
    auto input = match(library, library.input_table, request->inputs, request->input_count, "input", FERRY_FORMAT);
    auto output = match(library, library.output_table, request->outputs, request->output_count, "output", FERRY_MISMATCH);
    *model = new ferry_engine_model{library.run, std::move(input), std::move(output)};
  });
}

std::int32_t prepare(const ferry_open_request* request, ferry_engine_error* error) noexcept {
  return guarded(error, runtime_name, [&] { ferry::c::prepare(*request); });
}

void close_model(ferry_engine_model* model) noexcept { delete model; }

// ---- run ------------------------------------------------------------------------------------------------------------------

// Uninitialised bytes, aligned for every member. A few lie in the object itself, so that a call of few samples asks for no
// memory.
class Scratch {
 public:
  Scratch() noexcept {}  // NOLINT(cppcoreguidelines-pro-type-member-init, modernize-use-equals-default): not even zeroed

  std::byte* take(std::size_t bytes) {
    if (bytes <= here_.size()) return here_.data();
    heap_.reset(new std::byte[bytes]);
    return heap_.get();
  }

 private:
  static constexpr std::size_t few_bytes = 16384;  // a thread of musl has 128 KiB of stack

  alignas(std::max_align_t) std::array<std::byte, few_bytes> here_;
  std::unique_ptr<std::byte[]> heap_;  // NOLINT(*-avoid-c-arrays)
};

std::size_t rows_of(const ferry_tensor_view* inputs) { return static_cast<std::size_t>(inputs[0].shape[0]); }

// The inputs of one call as an array of structs: the caller's memory where it is one already.
const void* packed(const Struct& input, const ferry_tensor_view* views, std::size_t rows, Scratch& scratch) {
  if (input.is_bare) return views[0].data;
  std::byte* structs = scratch.take(rows * input.size);
  for (std::size_t i = 0; i < input.members.size(); ++i) {
    const auto& member = input.members[i];
    const auto* from = static_cast<const std::byte*>(views[i].data);
    for (std::size_t row = 0; row < rows; ++row)
      std::memcpy(structs + row * input.size + member.offset, from + row * member.bytes, member.bytes);
  }
  return structs;
}

// A member of an array of structs as an array of its own.
void unpack(const Struct& output, const Member& member, const std::byte* structs, std::size_t rows, std::byte* to) {
  if (rows == 1) {
    std::memcpy(to, structs + member.offset, member.bytes);
    return;
  }
  for (std::size_t row = 0; row < rows; ++row)
    std::memcpy(to + row * member.bytes, structs + row * output.size + member.offset, member.bytes);
}

void call(const ferry_engine_model& model, const void* samples, void* answers, std::size_t rows) {
  const int code = model.run(samples, answers, rows);
  if (code != 0) throw Refusal{FERRY_INTERNAL, "got code " + std::to_string(code) + " from the model, expected 0"};
}

// `to` has memory for each output, in contract order.
template <typename Memory>
void compute(const ferry_engine_model& model, const ferry_tensor_view* inputs, const Memory& to) {
  Scratch for_inputs;
  Scratch for_outputs;
  const auto rows = rows_of(inputs);
  const void* samples = packed(model.input, inputs, rows, for_inputs);
  if (model.output.is_bare) return call(model, samples, to(0), rows);
  std::byte* structs = for_outputs.take(rows * model.output.size);
  call(model, samples, structs, rows);
  std::size_t i = 0;
  for (const Member& member : model.output.members) unpack(model.output, member, structs, rows, static_cast<std::byte*>(to(i++)));
}

std::int32_t run_into(ferry_engine_model* model, const ferry_tensor_view* inputs, std::size_t /*count*/,
                      const ferry_tensor_buffer* outputs, std::size_t /*output_count*/, ferry_engine_error* error) noexcept {
  return guarded(error, runtime_name, [&] { compute(*model, inputs, [&](std::size_t i) { return outputs[i].data; }); });
}

std::int32_t run_model(ferry_engine_model* model, const ferry_tensor_view* inputs, std::size_t /*count*/, ferry_output_sink sink,
                       void* context, ferry_engine_error* error) noexcept {
  return guarded(error, runtime_name, [&] {
    const auto rows = rows_of(inputs);
    std::vector<std::vector<std::byte>> arrays;
    Views views(model->output.members.size());
    for (const auto& member : model->output.members) {
      auto shape = member.shape;
      shape[0] = static_cast<std::int64_t>(rows);
      views.add(member.name.c_str(), member.dtype, std::move(shape), arrays.emplace_back(rows * member.bytes).data());
    }
    compute(*model, inputs, [&](std::size_t i) { return arrays[i].data(); });
    return views.send(sink, context);
  });
}

// The loop that a user of the C would write: on structs of his own.
std::int32_t run_direct(ferry_engine_model* model, const ferry_tensor_view* inputs, std::size_t /*count*/, std::size_t calls,
                        std::int64_t* nanoseconds, ferry_engine_error* error) noexcept {
  return guarded(error, runtime_name, [&] {
    Scratch for_inputs;
    Scratch for_outputs;
    const auto rows = rows_of(inputs);
    const void* samples = packed(model->input, inputs, rows, for_inputs);
    void* structs = for_outputs.take(rows * model->output.size);
    time_calls(calls, nanoseconds, [&] { call(*model, samples, structs, rows); });
  });
}

const char* numerics() noexcept { return ""; }  // the bits are those of no BLAS and no processor

}  // namespace

namespace ferry::c {

ferry_engine table_of(const char* name) noexcept {
  return {.abi_version = FERRY_ENGINE_ABI_VERSION,
          .flags = FERRY_ENGINE_NATIVE_CODE | FERRY_ENGINE_PREPARES | FERRY_ENGINE_WRITES | FERRY_ENGINE_SAMPLE_BY_SAMPLE,
          .name = name,
          .runtime = "C99",
          .numerics = numerics,
          .open = open_model,
          .run = run_model,
          .run_direct = run_direct,
          .close = close_model,
          .prepare = ::prepare,  // not that of c_object.hpp
          .run_into = run_into,
          .concurrency = nullptr,
          .profile = nullptr};
}

}  // namespace ferry::c
