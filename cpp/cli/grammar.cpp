#include "grammar.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <string_view>
#include <vector>

#include "text.hpp"

namespace ferry::cli {

namespace {

void append_field(std::string& out, std::string_view key, std::string_view value) {
  if (out.back() != '{') out += ", ";
  text::append_json_string(out, key);
  out += ": ";
  text::append_json_string(out, value);
}

template <typename Range, typename Append>
void append_list(std::string& out, std::string_view key, const Range& range, const Append& append) {
  out += ", ";
  text::append_json_string(out, key);
  out += ": [";
  for (const auto& item : range) {
    if (out.back() != '[') out += ", ";
    append(item);
  }
  out += ']';
}

void append_option(std::string& out, const CLI::Option& option) {
  out += '{';
  append_field(out, "about", option.get_description());
  append_field(out, "metavar", option.get_expected_min() == 0 ? "" : option.get_type_name());
  std::vector<std::string> names;
  for (const auto& name : option.get_snames()) names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) names.push_back("--" + name);
  if (names.empty()) names.push_back(option.get_name());
  append_list(out, "names", names, [&out](const std::string& name) { text::append_json_string(out, name); });
  out += std::string(", \"repeated\": ") + (option.get_expected_max() > 1 ? "true" : "false");
  out += std::string(", \"required\": ") + (option.get_required() ? "true" : "false") + "}";
}

void append_app(std::string& out, const CLI::App& app) {
  append_field(out, "about", app.get_description());
  append_field(out, "footer", app.get_footer());
  append_list(out, "options", app.get_options(), [&out](const CLI::Option* option) { append_option(out, *option); });
}

}  // namespace

std::string grammar_json(const CLI::App& app) {
  std::string out = "{";
  append_app(out, app);
  append_list(out, "verbs", app.get_subcommands([](const CLI::App*) { return true; }), [&out](const CLI::App* verb) {
    out += '{';
    append_field(out, "name", verb->get_name());
    append_app(out, *verb);
    out += '}';
  });
  return out + "}\n";
}

}  // namespace ferry::cli
