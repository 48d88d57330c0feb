// The C ABI of a bundle's goldens and signatures.
#include <cstddef>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "c_api.hpp"
#include "text.hpp"

using ferry::c_api::at;
using ferry::c_api::fail_null;
using ferry::c_api::guarded;

namespace {

const std::vector<ferry::GoldenCase>& cases_of(const ferry_bundle& bundle) { return bundle.bundle.manifest().golden.cases; }

// Throws Error(usage).
const std::map<std::string, ferry::FileEntry, std::less<>>& files_of(const ferry::GoldenCase& golden, std::string_view part) {
  if (part == "inputs") return golden.inputs;
  if (part == "float32") return golden.float32;
  if (part == "float64") return golden.float64;
  throw ferry::Error(ferry::ErrorCode::usage, "part: got " + ferry::text::quoted(part) + ", expected inputs, float32 or float64");
}

std::string json_of(const std::vector<ferry::Signature>& signatures) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& [file, key_id, comment, trusted] : signatures)
    list.push_back({{"file", file}, {"key_id", key_id}, {"comment", comment}, {"trusted", trusted}});
  return list.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

extern "C" {

size_t ferry_bundle_golden_count(const ferry_bundle* bundle) { return bundle == nullptr ? 0 : cases_of(*bundle).size(); }

const char* ferry_bundle_golden_name(const ferry_bundle* bundle, size_t index) {
  const auto* golden = bundle == nullptr ? nullptr : at(cases_of(*bundle), index);
  return golden == nullptr ? nullptr : golden->name.c_str();
}

int32_t ferry_bundle_read_golden(const ferry_bundle* bundle, size_t index, const char* part, ferry_outputs** tensors) {
  if (tensors != nullptr) *tensors = nullptr;
  if (bundle == nullptr || part == nullptr || tensors == nullptr) return fail_null("ferry_bundle_read_golden");
  return guarded([&] {
    const auto* golden = at(cases_of(*bundle), index);
    if (golden == nullptr)
      throw ferry::Error(ferry::ErrorCode::usage, "golden case: got " + std::to_string(index) + ", expected one below " +
                                                      std::to_string(cases_of(*bundle).size()));
    *tensors = std::make_unique<ferry_outputs>(bundle->bundle.read_tensors(files_of(*golden, part))).release();
  });
}

int32_t ferry_bundle_signatures(const ferry_bundle* bundle, ferry_text** report) {
  if (report != nullptr) *report = nullptr;
  if (bundle == nullptr || report == nullptr) return fail_null("ferry_bundle_signatures");
  return guarded([&] { *report = std::make_unique<ferry_text>(ferry_text{json_of(bundle->bundle.signatures())}).release(); });
}

}  // extern "C"
