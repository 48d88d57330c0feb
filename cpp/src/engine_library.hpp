// Engine plugins: where they are looked for, and how they are opened. A plugin stays loaded for the life of the process, because
// runtimes such as LibTorch do not survive being unloaded.
#pragma once

#include <ferry/engine.h>

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ferry {

// The folders searched, in order: FERRY_ENGINE_DIR (several are separated by colons; on Windows by semicolons), those of
// `add_engine_folder`, `ferry/` beside the file that holds this code (libferry, or a program that it is linked into), and
// ../lib/ferry seen from there.
[[nodiscard]] std::vector<std::filesystem::path> engine_folders();

// Those that libferry itself was built with (FERRY_STATIC).
[[nodiscard]] std::span<const ferry_engine* const> built_in_engines();

// The names of the engines whose plugins lie in those folders, sorted; nothing is loaded.
[[nodiscard]] std::vector<std::string> installed_engines();

// Where the plugin of engine `name` lies; nothing is loaded. Throws Error(unavailable).
[[nodiscard]] std::filesystem::path find_plugin(std::string_view name);

// Where `file`, which engine `name` needs, lies in those folders. Throws Error(unavailable).
[[nodiscard]] std::filesystem::path find_program(std::string_view name, const std::string& file);

// `symbol` of lib<name>.so in those folders, held to the same rules; `what` stands in messages. Throws Error(unavailable).
[[nodiscard]] void* open_beside(std::string_view what, const std::string& name, const char* symbol);

// The table of the plugin that `find_plugin` has found. Throws Error(unavailable).
[[nodiscard]] const ferry_engine& open_plugin(std::string_view name, const std::filesystem::path& path);

// The engine's table, from libferry_engine_<name>.so. A relative folder in FERRY_ENGINE_DIR, an empty or relative one in
// LD_LIBRARY_PATH, and a plugin or its folder that another user may write are refused. Throws Error(unavailable) with one line
// that says why.
[[nodiscard]] const ferry_engine& load_engine(std::string_view name);

}  // namespace ferry
