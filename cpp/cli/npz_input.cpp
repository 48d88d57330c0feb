#include "npz_input.hpp"

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "limits.hpp"
#include "stored_zip.hpp"

namespace ferry::cli {

namespace {

// It is read whole: its directory lies at its end, and each CRC-32 is held before the first sample is used.
using Entries = std::map<std::string, std::span<const std::byte>>;

std::string list(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

void require_names(const Entries& entries, const std::vector<std::string>& expected) {
  for (const auto& [name, content] : entries)
    if (std::ranges::find(expected, name) == expected.end())
      archive::refuse_entry(name, "a name that is no input", list(expected));
  std::vector<std::string> missing;
  std::ranges::copy_if(expected, std::back_inserter(missing), [&](const auto& name) { return !entries.contains(name); });
  if (!missing.empty()) throw archive::ZipError("got no entry " + list(missing) + ", expected " + list(expected));
}

}  // namespace

std::map<std::string, ByteStream> open_npz(const Contract& contract, ByteStream stream) {
  const auto bytes = stream.read_all(limits::max_npz_bytes);
  std::vector<std::string> expected;
  expected.reserve(contract.inputs.size());
  for (const auto& spec : contract.inputs) expected.push_back(spec.name + ".npy");
  std::map<std::string, ByteStream> files;
  try {
    const auto entries = archive::read_entries(bytes);
    require_names(entries, expected);
    for (const auto& spec : contract.inputs) {
      const auto file = entries.at(spec.name + ".npy");
      files.emplace(spec.name, ByteStream(stream.name() + ": " + spec.name + ".npy", {file.begin(), file.end()}));
    }
  } catch (const archive::ZipError& error) {
    throw Error(ErrorCode::bad_input, stream.name() + ": " + error.what() + "; write it with numpy.savez");
  }
  return files;
}

}  // namespace ferry::cli
