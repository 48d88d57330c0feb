// manifest.json (FORMAT.md sections 2-7): from text to a Manifest that keeps every rule.
#pragma once

#include <cstdint>
#include <ferry/ferry.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ferry {

inline constexpr std::int64_t format_version = 3;  // the newest that is read
inline constexpr std::int64_t oldest_version = format_version - 1;
inline constexpr std::string_view manifest_name = "manifest.json";

// `where` names the file in messages. Throws Error(format).
[[nodiscard]] Manifest parse_manifest(std::string_view text, const std::string& where);

// The rules that tie one part of a manifest to another. Throws Error(format).
void check_manifest(const Manifest& manifest, const std::string& where);

// Every listed file: those of the artifacts, then those of the golden cases. Valid as long as the manifest.
// Whether the file may be missing: machine code for one kind of machine, which whoever needs it can build again.
[[nodiscard]] inline bool is_native(const FileEntry& file) noexcept { return file.path.starts_with("native/"); }

[[nodiscard]] std::vector<const FileEntry*> listed_files(const Manifest& manifest);

// The dim that `scores` have and their argmax `label` has not; empty unless exactly one dim can be that.
[[nodiscard]] std::optional<std::size_t> class_axis(const TensorSpec& scores, const TensorSpec& label);

// The pattern of formats and engines: [a-z][a-z0-9_-]{0,31}
[[nodiscard]] bool is_word(std::string_view text) noexcept;

}  // namespace ferry
