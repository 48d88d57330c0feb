#include "xnnpack_door.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "program_rule.hpp"
#include "pte_schema.hpp"

namespace ferry::engines {
namespace {

constexpr std::uint64_t none = 0xFFFFFFFF;  // of an id
constexpr std::uint64_t max_rank = 6;
constexpr std::uint64_t max_values = 1U << 20U;
constexpr std::uint64_t max_elements = 1ULL << 40U;
constexpr std::uint64_t max_window = 1U << 16U;
constexpr std::uint64_t transposed = 1;  // flag of a fully connected layer: weights are [in, out]

void require(bool is_good, const std::string& text) { require_rule(is_good, text, "one as ExecuTorch exports it"); }

std::uint64_t little(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8U | static_cast<std::uint8_t>(bytes[at + i]);
  return value;
}

// By XNNDatatype: float32, float16, int32; 0 for others.
std::uint64_t element_bytes(std::uint64_t type) {
  if (type == 1 || type == 12) return 4;
  return type == 2 ? 2 : 0;
}

// The number of elements; one more than the limit where it is above it.
std::uint64_t product(const std::vector<std::int64_t>& dims) {
  if (std::ranges::find(dims, 0) != dims.end()) return 0;
  std::uint64_t count = 1;
  for (const auto dim : dims) {
    if (static_cast<std::uint64_t>(dim) > max_elements / count) return max_elements + 1;
    count *= static_cast<std::uint64_t>(dim);
  }
  return count;
}

using Values = std::map<std::uint64_t, const Flat*>;

// The values by their ids.
Values values_of(const Flat& graph) {
  Values found;
  for (const auto& item : graph.at("xvalues").items) {
    const auto& value = item.at("xvalue_union");
    require(value.kind == "Tensor", "got a delegate with quantized values");
    const auto id = value.items.front().at("id_out").number;
    require(!found.contains(id) && id < max_values, "got a delegate's value twice");
    found[id] = &value.items.front();
  }
  std::vector<std::uint64_t> externs;
  for (const auto& [id, value] : found)
    if (value->at("external_id").number != none) externs.push_back(value->at("external_id").number);
  std::ranges::sort(externs);
  bool are_numbered = externs.size() == graph.at("num_externs").number;
  for (std::size_t i = 0; i < externs.size(); ++i) are_numbered = are_numbered && externs[i] == i;
  require(are_numbered, "got a delegate whose tensors are not numbered one by one");
  return found;
}

// How many bytes a constant has.
std::uint64_t room_of(const Flat& entry, std::uint64_t constant_size, const NamedData& named) {
  if (const auto key = entry.at("named_key").bytes; !key.empty()) {
    const auto found = named.find(key);
    require(found != named.end(), "got a delegate's weights of an unknown name");
    return found->second.size();
  }
  require(lies_inside(entry.at("offset").number, entry.at("size").number, constant_size),
          "got a delegate's weights outside its blob");
  return entry.at("size").number;
}

void check_value(const Flat& value, std::uint64_t externs, const std::vector<std::uint64_t>& rooms) {
  const auto& dims = value.at("dims").numbers;
  const auto width = element_bytes(value.at("datatype").number);
  require(width > 0 && value.at("dq_datatype").number == 0, "got a delegate's value of another type");
  require(dims.size() == value.at("num_dims").number && dims.size() <= max_rank && product(dims) <= max_elements,
          "got a delegate's value of another shape");
  const auto is_extern = value.at("external_id").number < externs;
  const auto flags = value.at("flags").number;
  require(is_extern ? flags == 1 || flags == 2 : flags == 0, "got a delegate's value with other flags");
  const auto index = value.at("constant_buffer_idx").number;
  if (index == 0) return;
  require(index < rooms.size() && !is_extern,
          "got a delegate's weights " + std::to_string(index) + " of " + std::to_string(rooms.size()));
  require(product(dims) * width <= rooms[index], "got a delegate's weights that leave their bytes");
}

// A concatenation has two to five inputs, of which the rest are 0.
bool is_unused(std::string_view kind, std::string_view name, std::uint64_t number) {
  const auto is_late = name == "input3_id" || name == "input4_id" || name == "input5_id";
  return kind == "Cat" && is_late && (number == 0 || number == none);
}

const std::vector<std::int64_t>& dims_of(const Flat& node, std::string_view id, const Values& values) {
  return values.at(node.at(id).number)->at("dims").numbers;
}

void check_weights(const Flat& node, const Values& values) {
  const auto& filter = dims_of(node, "filter_id", values);
  require(filter.size() == 2, "got a delegate's layer whose weights are no matrix");
  const auto outputs = (node.at("flags").number & transposed) == 0 ? filter.front() : filter.back();
  if (node.at("bias_id").number == none) return;
  require(dims_of(node, "bias_id", values) == std::vector<std::int64_t>{outputs}, "got a delegate's bias of another size");
}

void check_convolution(const Flat& node, const Values& values) {
  for (const auto* name :
       {"kernel_height", "kernel_width", "subsampling_height", "subsampling_width", "dilation_height", "dilation_width"})
    require(node.at(name).number > 0 && node.at(name).number <= max_window, "got a delegate's window of another size");
  for (const auto* name : {"group_input_channels", "group_output_channels", "groups"})
    require(node.at(name).number > 0 && node.at(name).number < max_values, "got a delegate's channels of another number");
  const auto channels = node.at("groups").number * node.at("group_output_channels").number;
  const std::vector<std::int64_t> sizes = {static_cast<std::int64_t>(channels), node.at("kernel_height").integer(),
                                           node.at("kernel_width").integer(), node.at("group_input_channels").integer()};
  const auto elements = product(sizes);
  require(elements <= max_elements && product(dims_of(node, "filter_id", values)) == elements,
          "got a delegate's filter of another size");
  if (node.at("bias_id").number != none)
    require(product(dims_of(node, "bias_id", values)) == channels, "got a delegate's bias of another size");
}

void check_list(const Flat& node, const std::string& name, std::uint64_t expected) {
  const auto count = node.at(name).numbers.size();
  require(count == expected && count <= max_rank, "got a delegate's " + name + " of another length");
}

void check_lists(std::string_view kind, const Flat& node, const Values& values) {
  const auto rank = values.at(node.at("input_id").number)->at("num_dims").number;
  if (kind == "Reshape") check_list(node, "new_shape", node.at("num_dims").number);
  if (kind == "Slice") {
    check_list(node, "offsets", rank);
    check_list(node, "sizes", rank);
  }
  if (kind == "Pad") {
    check_list(node, "pre_paddings", rank);
    check_list(node, "post_paddings", rank);
  }
  if (kind != "Transpose") return;
  check_list(node, "perm", rank);
  auto order = node.at("perm").numbers;
  std::ranges::sort(order);
  for (std::size_t i = 0; i < order.size(); ++i)
    require(order[i] == static_cast<std::int64_t>(i), "got a delegate's order of dims that is none");
}

void check_fields(std::string_view kind, const Flat& node, const Values& values) {
  for (const auto& [name, value] : node.fields) {
    const bool has_none = value.number == none && name == "bias_id";
    if (name.ends_with("_id") && !has_none && !is_unused(kind, name, value.number))
      require(values.contains(value.number),
              "got a delegate's " + std::string(name) + ' ' + std::to_string(value.number) + ", of which there is no value");
    else if (name == "padding_top" || name == "padding_right" || name == "padding_bottom" || name == "padding_left")
      require(value.number <= max_window, "got a delegate's padding that is too large");
  }
}

void check_window(const Flat& node) {
  for (const auto& [name, value] : node.fields)
    if (name.starts_with("pooling") || name.starts_with("stride") || name.starts_with("dilation"))
      require((value.number > 0 || name.starts_with("dilation")) && value.number <= max_window,  // an average has no dilation
              "got a delegate's window of another size");
}

void check_node(std::string_view kind, const Flat& node, const Values& values) {
  check_fields(kind, node, values);
  if (kind == "Full") check_weights(node, values);
  if (kind == "Conv") check_convolution(node, values);
  if (kind == "Reshape" || kind == "Transpose" || kind == "Slice" || kind == "Pad") check_lists(kind, node, values);
  if (kind == "Pool" || kind == "ArgMaxPool") check_window(node);
}

}  // namespace

Flat check_xnnpack_blob(std::string_view blob, const NamedData& named) {
  static const FlatSchema schema(xnnpack_schema);
  constexpr std::size_t header = 30;
  require(blob.size() >= header && blob.substr(4, 4) == "XH00", "got a delegate's blob without header");
  const auto start = little(blob, 10, 4);
  const auto size = little(blob, 14, 4);
  const auto constant_size = little(blob, 22, 8);
  require(lies_inside(start, size, blob.size()) && lies_inside(little(blob, 18, 4), constant_size, blob.size()),
          "got a delegate's header that leads outside");
  const auto body = blob.substr(start, size);
  const auto identifier = body.size() < 8 ? std::string_view() : body.substr(4, 4);
  require(identifier == "XN00" || identifier == "XN01", "got a delegate of another version");
  auto graph = read_flat(body, schema, "Graph");
  const auto values = values_of(graph);
  std::vector<std::uint64_t> rooms;
  for (const auto& entry : graph.at("constant_data").items) rooms.push_back(room_of(entry, constant_size, named));
  require(graph.at("constant_buffer").items.empty(), "got a delegate's weights inside its graph");
  for (const auto& [id, value] : values) check_value(*value, graph.at("num_externs").number, rooms);
  for (const auto& item : graph.at("xnodes").items) {
    const auto& node = item.at("xnode_union");
    check_node(node.kind, node.items.front(), values);
  }
  for (const auto* name : {"input_ids", "output_ids"})
    for (const auto number : graph.at(name).numbers) {
      const auto found = values.find(static_cast<std::uint64_t>(number));
      require(found != values.end() && found->second->at("external_id").number != none,
              "got a delegate's input or output " + std::to_string(number) + " that is none");
    }
  return graph;
}

}  // namespace ferry::engines
