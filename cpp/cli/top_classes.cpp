#include "top_classes.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <span>
#include <type_traits>

#include "dtype.hpp"
#include "elements.hpp"
#include "text.hpp"

namespace ferry::cli {

namespace {

// NaN comes last.
template <typename T>
std::vector<std::size_t> best_of(const T& scores, std::size_t count) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    return scores[a] > scores[b] || (std::isnan(scores[b]) && !std::isnan(scores[a]));
  });
  order.resize(count);
  return order;
}

template <typename T>
std::vector<TopClasses::Entry> entries(const T& scores, const std::vector<std::string>& names, std::size_t count) {
  std::vector<TopClasses::Entry> found;
  for (const auto index : best_of(scores, count)) {
    auto& entry = found.emplace_back();
    entry.name = names[index];
    text::append_json_number(entry.score, scores[index]);
  }
  return found;
}

bool has_scores(const TensorSpec& spec, std::size_t classes) {
  return is_float(spec.dtype) && spec.shape == std::vector<Dim>{Dim("N"), Dim(static_cast<std::int64_t>(classes))};
}

}  // namespace

TopClasses::TopClasses(const Contract& contract, std::int64_t count) : count_(static_cast<std::size_t>(count)) {
  const auto got = "--top: got " + std::to_string(count);
  if (!contract.classes)
    throw Error(ErrorCode::usage, got + " for a contract without classes, expected one that names them; leave it out");
  names_ = contract.classes->names;
  bool has_labels = false;
  for (const auto& spec : contract.outputs) {
    has_labels = has_labels || (spec.name == contract.classes->output && spec.shape == std::vector<Dim>{Dim("N")});
    if (has_scores(spec, names_.size()) && (scores_.empty() || spec.name == "probabilities")) scores_ = spec.name;
  }
  const auto most = std::to_string(names_.size());
  if (!has_labels || scores_.empty())
    throw Error(ErrorCode::usage, got + " for a contract without scores, expected an output float [N," + most +
                                      "] beside the label [N]; leave it out");
  if (count < 1 || count_ > names_.size()) throw Error(ErrorCode::usage, got + ", expected 1 to " + most);
}

std::vector<TopClasses::Entry> TopClasses::of(const NamedTensors& outputs, std::size_t sample) const {
  const auto& tensor = outputs[scores_];
  const auto classes = names_.size();
  std::vector<Entry> found;
  visit_elements(tensor, [&]<typename T>(std::span<const T> elements) {
    const auto scores = elements.subspan(sample * classes, classes);
    if constexpr (is_half<T>)
      found = entries(widened(scores), names_, count_);
    else if constexpr (std::is_floating_point_v<T>)
      found = entries(scores, names_, count_);
  });
  return found;
}

}  // namespace ferry::cli
