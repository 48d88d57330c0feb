#include "torchscript_door.hpp"

#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/api/function_impl.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crc32.hpp"
#include "ferry/engine.hpp"
#include "stored_zip.hpp"
#include "torchscript_operators.hpp"
#include "torchscript_pickle.hpp"
#include "torchscript_source.hpp"

namespace ferry::torchscript {

namespace {

constexpr archive::Rules rules{.max_entries = 65535, .allow_deflate = true, .check_crc = false};  // SHA-256 has been checked
constexpr std::uint64_t max_text = std::uint64_t{256} * 1024 * 1024;  // bytes of code and pickles together
constexpr std::array<std::string_view, 2> pickles = {"data.pkl", "constants.pkl"};
constexpr std::array<std::string_view, 7> inert = {
    "version",         "byteorder",          ".data/version",    ".data/serialization_id",
    ".format_version", ".storage_alignment", "traced_inputs.pkl"};
constexpr std::array<std::string_view, 3> tensor_folders = {"data/", "constants/", "traced_inputs/"};

template <std::size_t Count>
bool is_in(const std::array<std::string_view, Count>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

// ---- names of entries -------------------------------------------------------------------------------------------------------

bool is_digits(std::string_view text) { return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos; }

bool is_identifier(std::string_view text) {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
  return !text.empty() && letters.find(text.front()) != std::string_view::npos &&
         std::ranges::all_of(text, [&](char c) { return letters.find(c) != std::string_view::npos || (c >= '0' && c <= '9'); });
}

bool is_tensor(std::string_view name) {
  return std::ranges::any_of(
      tensor_folders, [&](std::string_view folder) { return name.starts_with(folder) && is_digits(name.substr(folder.size())); });
}

// `code/a/b.py`
bool is_code(std::string_view name) {
  constexpr std::string_view folder = "code/";
  constexpr std::string_view ending = ".py";
  if (!name.starts_with(folder) || !name.ends_with(ending) || name.size() < folder.size() + ending.size()) return false;
  auto path = name.substr(folder.size(), name.size() - folder.size() - ending.size());
  for (;;) {
    const auto slash = path.find('/');
    if (!is_identifier(path.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

bool is_debug(std::string_view name) {
  constexpr std::string_view ending = ".debug_pkl";
  return name.ends_with(ending) && is_code(name.substr(0, name.size() - ending.size()));
}

bool is_text(std::string_view name) { return is_in(pickles, name) || is_code(name) || is_debug(name); }
bool is_known(std::string_view name) { return is_text(name) || is_in(inert, name) || is_tensor(name); }

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

// ---- entries ----------------------------------------------------------------------------------------------------------------

// The entries of one archive, all of known kinds below one folder, by their names inside it.
class Entries {
 public:
  Entries(const ferry_artifact_file& file, const std::shared_ptr<caffe2::serialize::ReadAdapterInterface>& bytes)
      : path_(file.path) {
    check_names(members_of(file));
    read(bytes);
  }

  [[nodiscard]] const std::map<std::string, std::string>& contents() const { return contents_; }

  // The sizes of the storages of a pickle `data.pkl`, by key.
  [[nodiscard]] StorageSizes storages_of(std::string_view pickle) const {
    const auto folder = std::string(pickle.substr(0, pickle.find('.'))) + "/";
    StorageSizes sizes;
    for (const auto& [name, member] : members_)
      if (name.starts_with(folder)) sizes.emplace(name.substr(folder.size()), member.size);
    return sizes;
  }

  [[noreturn]] void refuse(const std::string& text) const {
    throw engines::Refusal(FERRY_FORMAT, path_ + ": " + text + "; export the bundle again");
  }

 private:
  using Members = std::map<std::string, archive::Member>;

  [[nodiscard]] Members members_of(const ferry_artifact_file& file) const {
    try {
      return archive::read_members({static_cast<const std::byte*>(file.data), file.bytes}, rules);
    } catch (const archive::ZipError& error) {
      refuse(error.what());
    }
  }

  void check_names(const Members& members) {
    const auto root = members.begin()->first.substr(0, members.begin()->first.find('/'));
    std::set<std::string> known;
    for (const auto& [name, member] : members) {
      const auto slash = std::min(name.find('/'), name.size());
      const auto inner = name.substr(std::min(slash + 1, name.size()));
      if (name.substr(0, slash) != root || !is_known(inner))
        refuse("entry " + show(name) + ": got an entry of no known kind, expected those of torch.jit.save only");
      if (member.is_deflated && !inner.starts_with("code/"))
        refuse("entry " + show(name) + ": got a deflated entry, expected a stored one");
      if (!known.insert(lower(inner)).second)  // LibTorch finds entries without regard to case
        refuse("entry " + show(name) + ": got this name in another case too, expected each name once");
      members_.emplace(inner, member);
    }
    for (const auto pickle : pickles)
      if (!members_.contains(std::string(pickle)))
        refuse("got no entry " + std::string(pickle) + ", expected it; torch.jit.save writes it");
  }

  void read(const std::shared_ptr<caffe2::serialize::ReadAdapterInterface>& bytes) {
    std::uint64_t total = 0;
    for (const auto& [name, member] : members_) total += is_text(name) ? std::min(member.size, max_text + 1) : 0;
    if (total > max_text)
      refuse("got more than " + std::to_string(max_text) + " bytes of code and pickles, expected at most that");
    std::optional<caffe2::serialize::PyTorchStreamReader> reader;
    for (const auto& [name, member] : members_) {
      if (!is_text(name)) continue;
      if (!member.is_deflated) {
        contents_.emplace(name, std::string(reinterpret_cast<const char*>(member.data.data()), member.data.size()));
        continue;
      }
      const auto content = inflate(bytes, reader, name, member);
      if (!content || archive::crc32(std::as_bytes(std::span(*content))) != member.crc)
        refuse("entry " + show(name) + ": got bytes that cannot be inflated, expected " + std::to_string(member.size));
      contents_.emplace(name, *content);
    }
  }

  // LibTorch takes what lies in its memory for bytes that cannot be inflated: those are the bytes that differ with what lay
  // there.
  static std::optional<std::string> inflate(const std::shared_ptr<caffe2::serialize::ReadAdapterInterface>& bytes,
                                            std::optional<caffe2::serialize::PyTorchStreamReader>& reader,
                                            const std::string& name, const archive::Member& member) {
    std::string content(member.size, '\0');
    std::string again(member.size, '\xFF');
    try {
      if (!reader) reader.emplace(bytes);
      if (reader->getRecordSize(name) != member.size) return std::nullopt;
      reader->getRecord(name, content.data(), content.size());
      reader->getRecord(name, again.data(), again.size());
    } catch (const c10::Error&) {
      return std::nullopt;
    }
    return content == again ? std::optional(std::move(content)) : std::nullopt;
  }

  std::string path_;
  Members members_;
  std::map<std::string, std::string> contents_;
};

// ---- permissions ------------------------------------------------------------------------------------------------------------

bool is_permitted(const ferry_open_request& request, std::string_view operation) {
  const auto* const end = request.allowed_operators + request.allowed_operator_count;
  return allowed_operators().contains(operation) || std::find(request.allowed_operators, end, operation) != end;
}

// Does the manifest say that the exporter was allowed it? That is a hint for the message, and gives no permission.
bool is_recorded(const ferry_open_request& request, const std::string& operation) {
  for (std::size_t i = 0; i < request.require_count; ++i) {
    const auto& [key, value] = request.requires_[i];
    if (key == std::string_view("operators") && ("," + std::string(value) + ",").find("," + operation + ",") != std::string::npos)
      return true;
  }
  return false;
}

void require_permission(const ferry_open_request& request, const Use& use) {
  if (is_permitted(request, use.operation)) return;
  throw engines::Refusal(FERRY_FORMAT,
                         std::string(request.files[0].path) + ": " + use.where + ": got operator " + use.operation +
                             (is_recorded(request, use.operation) ? ", which the manifest says its exporter allowed" : "") +
                             ", expected one that only computes; pass --allow-op " + use.operation +
                             " (allow_ops) if you trust this bundle with it");
}

void check_code(const ferry_open_request& request, const Entries& entries) {
  try {
    std::vector<Source> sources;
    Names names;
    for (const auto& [name, content] : entries.contents())
      if (is_code(name)) sources.emplace_back(name, content).declare(names);
    for (const auto& [name, content] : entries.contents()) {
      if (is_code(name)) continue;
      const auto storages = is_debug(name) ? std::nullopt : std::optional(entries.storages_of(name));
      try {
        check_pickle(content, storages ? &*storages : nullptr);
      } catch (const PickleError& error) {
        entries.refuse(name + ": " + error.what());
      }
    }
    std::vector<Use> uses;
    for (const auto& source : sources) std::ranges::move(source.uses(names), std::back_inserter(uses));
    for (const auto& use : uses) require_permission(request, use);
  } catch (const SourceError& error) {
    entries.refuse(error.what());
  }
}

void check_block(const ferry_open_request& request, const torch::jit::Block& block, const std::string& where) {
  for (const auto* node : block.nodes()) {
    require_permission(request, {node->kind().toQualString(), where});
    for (const auto* inner : node->blocks()) check_block(request, *inner, where);
    for (const auto name : node->attributeNames())
      if (node->kindOf(name) == torch::jit::AttributeKind::g) check_block(request, *node->g(name)->block(), where);
  }
}

}  // namespace

void check_archive(const ferry_open_request& request, const std::shared_ptr<caffe2::serialize::ReadAdapterInterface>& bytes) {
  check_code(request, Entries(request.files[0], bytes));
}

void check_functions(const ferry_open_request& request, const torch::jit::CompilationUnit& unit) {
  for (std::size_t judged = 0; judged < unit.get_functions().size();) {  // looking at one may compile others
    const auto functions = unit.get_functions();
    for (; judged < functions.size(); ++judged)
      check_block(request, *torch::jit::toGraphFunction(*functions[judged]).graph()->block(),
                  functions[judged]->qualname().qualifiedName());
  }
}

}  // namespace ferry::torchscript
