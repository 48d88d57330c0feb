#include "pte_door.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "flat_table.hpp"
#include "program_rule.hpp"
#include "pte_file.hpp"
#include "xnnpack_door.hpp"

namespace ferry::engines {
namespace {

constexpr std::size_t max_rank = 16;
constexpr std::int64_t max_elements = 1LL << 40U;
constexpr std::int64_t max_planned = 1LL << 40U;
constexpr std::int64_t max_slack = 1LL << 16U;

// By c10's ScalarType, without quantized ones; 0 for others.
std::int64_t element_bytes(std::int64_t type) {
  constexpr std::array<std::int64_t, 16> bytes = {1, 1, 2, 4, 8, 2, 4, 8, 0, 0, 0, 1, 0, 0, 0, 2};
  return type >= 0 && type < static_cast<std::int64_t>(bytes.size()) ? bytes[static_cast<std::size_t>(type)] : 0;
}

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7F; });
}

// The runtime's log and Python's binding take other bytes for UTF-8 and end the process where they are none.
bool is_name(const Flat& text) { return !text.bytes.empty() && is_printable(text.bytes); }

bool is_operator(const Flat& call) {
  return is_name(call.at("name")) && call.at("name").bytes.find("::") != std::string_view::npos &&
         is_printable(call.at("overload").bytes);
}

// One method: its values, then the instructions over them.
class Plan {
 public:
  Plan(const PteFile& file, const Flat& plan)
      : file_(file), plan_(plan), planned_(plan.at("non_const_buffer_sizes").numbers), used_(planned_.size()) {
    for (const auto& value : plan.at("values").items) values_.push_back(&value.at("val"));
  }

  void check() {
    require_pte(is_name(plan_.at("name")), "got a method without a name");
    require_pte(plan_.at("non_const_buffer_device").items.empty(), "got memory of another device");
    for (const auto* name : {"inputs", "outputs"})
      for (const auto index : plan_.at(name).numbers) static_cast<void>(tensor(index));
    for (std::size_t index = 0; index < values_.size(); ++index) check_value(static_cast<std::int64_t>(index));
    for (std::size_t i = 0; i < planned_.size(); ++i)
      require_pte(
          planned_[i] >= 0 && planned_[i] <= used_[i] + max_slack && planned_[i] <= max_planned,
          "got a memory plan of " + std::to_string(planned_[i]) + " bytes, of which " + std::to_string(used_[i]) + " are used");
    for (const auto& call : plan_.at("operators").items) require_pte(is_operator(call), "got an operator without a name");
    std::vector<std::optional<Flat>> blobs;
    for (const auto& delegate : plan_.at("delegates").items) blobs.push_back(blob(delegate));
    require_pte(!plan_.at("chains").items.empty(), "got a method without instructions");
    for (const auto& chain : plan_.at("chains").items) check_chain(chain.at("instructions").items, blobs);
  }

 private:
  // ---- values -----------------------------------------------------------------------------------------------------------

  [[nodiscard]] const Flat& value(std::int64_t index) const { return *values_[index_in("value", index, values_.size())]; }

  [[nodiscard]] const Flat& tensor(std::int64_t index) const {
    const auto& found = value(index);
    require_rule(found.kind == "Tensor", "got value " + std::to_string(index) + " of kind " + std::string(found.kind), "Tensor");
    return found.items.front();
  }

  void check_value(std::int64_t index) {
    const auto kind = value(index).kind;
    const auto& table = value(index).items.front();
    if (kind == "Tensor") {
      check_tensor(index, table);
    } else if (kind == "IntList") {
      for (const auto item : table.at("items").numbers)
        require_pte(value(item).kind == "Int", "got a list of numbers with another value in it");
    } else if (kind == "TensorList" || kind == "OptionalTensorList") {
      for (const auto item : table.at("items").numbers) {
        if (item == -1 && kind == "OptionalTensorList") continue;
        static_cast<void>(tensor(item));
        require_pte(item < index, "got a list of tensors in front of them");
      }
    }
  }

  void check_tensor(std::int64_t index, const Flat& table) {
    const auto& sizes = table.at("sizes").numbers;
    const auto type = table.at("scalar_type").integer();
    require_pte(element_bytes(type) > 0, "got a tensor of type " + std::to_string(type));
    std::string order(table.at("dim_order").bytes);
    std::ranges::sort(order);
    bool is_ordered = sizes.size() <= max_rank && order.size() == sizes.size();
    for (std::size_t i = 0; is_ordered && i < order.size(); ++i) is_ordered = order[i] == static_cast<char>(i);
    require_pte(is_ordered, "got a tensor whose dims have no order");
    require_pte(std::ranges::all_of(sizes, [](auto size) { return size >= 0; }), "got a tensor with a negative size");
    const auto dynamism = table.at("shape_dynamism").integer();
    require_pte(table.at("storage_offset").number == 0 && table.at("layout").number == 0 && (dynamism == 0 || dynamism == 1),
                "got a tensor of another layout");
    const auto& extra = table.at("extra_tensor_info");
    require_pte(!extra.present || (extra.at("location").number == 0 && extra.at("device_type").number == 0),
                "got a tensor that lies outside the program");
    std::int64_t elements = 1;
    for (const auto size : sizes) {
      require_pte(size == 0 || elements <= max_elements / size, "got a tensor of too many elements");
      elements *= size;
    }
    check_memory(index, table, elements * element_bytes(type));
  }

  void check_memory(std::int64_t index, const Flat& table, std::int64_t needed) {
    const auto& place = table.at("allocation_info");
    if (place.present) {
      const auto memory = place.at("memory_id").number;
      require_pte(memory > 0 && memory < planned_.size(), "got a tensor in memory that is not planned");
      const auto start = place.at("memory_offset_high").number << 32U | place.at("memory_offset_low").number;
      const auto limit = static_cast<std::uint64_t>(std::max<std::int64_t>(planned_[memory], 0));
      require_pte(lies_inside(start, static_cast<std::uint64_t>(needed), limit), "got a tensor that leaves its planned memory");
      used_[memory] = std::max(used_[memory], static_cast<std::int64_t>(start) + needed);
    }
    if (const auto constant = table.at("data_buffer_idx").integer(); constant != 0)
      require_pte(constant_bytes(table, constant, place.present) >= needed, "got a tensor that leaves its data");
    else if (!place.present)
      require_pte(needed == 0 || std::ranges::find(plan_.at("inputs").numbers, index) != plan_.at("inputs").numbers.end(),
                  "got a tensor without memory");
  }

  // How many bytes there are for a constant or an initial state; below 0 where it starts behind them.
  [[nodiscard]] std::int64_t constant_bytes(const Flat& table, std::int64_t index, bool is_initial) const {
    const auto& buffers = file_.program.at("constant_buffer").items;
    if (!buffers.empty())
      return static_cast<std::int64_t>(buffers[index_in("constant", index, buffers.size())].at("storage").bytes.size());
    const auto* offsets = &file_.program.at("constant_segment");
    if (is_initial) {
      const auto& parts = file_.program.at("mutable_data_segments").items;
      const auto& extra = table.at("extra_tensor_info");
      const auto number = extra.present ? extra.at("mutable_data_segments_idx").integer() : 0;
      offsets = &parts[index_in("mutable segment", number, parts.size())];
    }
    const auto& starts = offsets->at("offsets").numbers;
    const auto start = starts[index_in("constant", index, starts.size())];
    const auto size = file_.segment(offsets->at("segment_index").integer()).size();
    return lies_inside(static_cast<std::uint64_t>(start), 0, size) ? static_cast<std::int64_t>(size) - start : -1;
  }

  // ---- instructions -------------------------------------------------------------------------------------------------------

  void check_chain(const std::vector<Flat>& instructions, const std::vector<std::optional<Flat>>& blobs) const {
    for (const auto& instruction : instructions) {
      const auto kind = instruction.at("instr_args").kind;
      const auto& call = instruction.at("instr_args").items.front();
      if (kind == "KernelCall") {
        index_in("operator", call.at("op_index").integer(), plan_.at("operators").items.size());
        for (const auto argument : call.at("args").numbers) static_cast<void>(value(argument));
      } else if (kind == "DelegateCall") {
        const auto index = index_in("delegate", call.at("delegate_index").integer(), blobs.size());
        check_delegate_call(blobs[index], call.at("args").numbers);
      } else if (kind == "MoveCall") {
        require_pte(value(call.at("move_from").integer()).kind == value(call.at("move_to").integer()).kind,
                    "got a move between values of two kinds");
      } else if (kind == "JumpFalseCall") {
        const auto condition = value(call.at("cond_value_index").integer()).kind;
        require_pte(condition == "Bool" || condition == "Tensor", "got a jump by a value that is no truth");
        index_in("instruction", call.at("destination_instruction").integer(), instructions.size() + 1);
      } else {
        static_cast<void>(tensor(call.at("value_index").integer()));
      }
    }
  }

  void check_delegate_call(const std::optional<Flat>& graph, const std::vector<std::int64_t>& arguments) const {
    std::vector<const Flat*> tensors;
    tensors.reserve(arguments.size());
    for (const auto argument : arguments) tensors.push_back(&tensor(argument));
    if (!graph) return;
    const auto externs = graph->at("num_externs").number;
    require_pte(externs == tensors.size(),
                "got a delegate of " + std::to_string(externs) + " tensors called with " + std::to_string(tensors.size()));
    for (const auto& item : graph->at("xvalues").items) {
      const auto& described = item.at("xvalue_union").items.front();
      const auto external = described.at("external_id").number;
      if (external >= tensors.size()) continue;
      const auto& called = *tensors[external];
      const auto datatype = described.at("datatype").number;
      const std::int64_t other = datatype == 2 ? 5 : 3;
      const std::int64_t type = datatype == 1 ? 6 : other;
      auto sizes = called.at("sizes").numbers;
      if (sizes.empty()) sizes = {1};
      require_pte(type == called.at("scalar_type").integer() && sizes == described.at("dims").numbers,
                  "got a delegate's tensor of another type or shape than the program's");
    }
  }

  // The graph of a delegate of XNNPACK, checked; none for another backend, which no runtime here has.
  [[nodiscard]] std::optional<Flat> blob(const Flat& delegate) const {
    const auto& processed = delegate.at("processed");
    require_pte(is_name(delegate.at("id")), "got a delegate without a name");
    for (const auto& spec : delegate.at("compile_specs").items)
      require_pte(is_name(spec.at("key")), "got a delegate's option without a name");
    const auto index = processed.at("index").integer();
    std::string_view bytes;
    if (processed.at("location").number == 0) {
      const auto& buffers = file_.program.at("backend_delegate_data").items;
      bytes = buffers[index_in("delegate data", index, buffers.size())].at("storage").bytes;
    } else {
      bytes = file_.segment(index);
    }
    if (delegate.at("id").bytes != "XnnpackBackend") return std::nullopt;
    return check_xnnpack_blob(bytes, file_.named());
  }

  const PteFile& file_;
  const Flat& plan_;
  std::vector<const Flat*> values_;
  const std::vector<std::int64_t>& planned_;
  std::vector<std::int64_t> used_;
};

}  // namespace

void check_pte_program(std::string_view path, std::string_view bytes) {
  try {
    const auto file = read_pte_file(bytes);
    for (const auto& entry : file.program.at("named_data").items) {
      require_pte(is_name(entry.at("key")), "got named data without a name");
      static_cast<void>(file.segment(entry.at("segment_index").integer()));
    }
    for (const auto& plan : file.program.at("execution_plan").items) Plan(file, plan).check();
  } catch (const Refusal& refusal) {
    throw Refusal{refusal.code, std::string(path) + ": " + refusal.text + "; export the bundle again, or do not trust it"};
  }
}

}  // namespace ferry::engines
