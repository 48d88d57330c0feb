#include "command_line.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "console.hpp"
#include "examples.hpp"
#include "ferry/ferry.hpp"
#include "grammar.hpp"
#include "option_checks.hpp"
#include "text.hpp"
#include "verbs.hpp"

namespace ferry::cli {
namespace {

constexpr auto exit_codes =
    "Exit codes: 0 ok, 1 a comparison failed, 2 command line, 3 manifest or file format, 4 integrity,\n"
    "5 engine or device not here, 6 files or memory, 7 bad input, 9 internal error.";

void add_bundle(CLI::App& verb, BundleOptions& bundle) {
  verb.add_option("BUNDLE", bundle.folder, "the bundle's folder or its one file, e.g. exported/digits-mlp")
      ->required()
      ->type_name("");
  verb.add_option_function<std::vector<std::string>>(
          "--trust",
          [&bundle](const std::vector<std::string>& keys) {
            for (const auto& key : keys) bundle.trust.keys.push_back(text::path_of(key));
          },
          "open the bundle only if one of these keys signed it: a .pub file, or a folder of them; instead of FERRY_TRUST; may be "
          "repeated")
      ->type_name("KEY_OR_FOLDER")
      ->allow_extra_args(false);
  verb.add_flag("--require-signature", bundle.trust.require_signature,
                "open no bundle that no key of --trust or FERRY_TRUST signed");
}

void add_engine(CLI::App& verb, EngineOptions& options, const std::string& fallback) {
  verb.add_option("--engine", options.engine, "torchscript, ... (default: " + fallback + ")")
      ->type_name("NAME")
      ->check(require_name);
  verb.add_option("--device", options.device, "cpu or cuda:N")->type_name("NAME")->capture_default_str();
  verb.add_option("--threads", options.threads, "threads inside one call")
      ->type_name("COUNT")
      ->capture_default_str()
      ->check(require_threads);
  verb.add_flag("--allow-native", options.allow_native, "run machine code of the bundle: it has all rights of this process")
      ->disable_flag_override();
  verb.add_option("--allow-op", options.allow_ops,
                  "let TorchScript use an operator that may do more than compute, e.g. aten::as_strided; may be repeated")
      ->type_name("NAME")
      ->allow_extra_args(false);
}

void add_isolation(CLI::App& verb, EngineOptions& options) {
  const std::string fallback =
      options.isolation == Isolation::off ? "no: bench measures calls in this process" : "where this machine can";
  verb.add_flag(
          "--isolate{1},--no-isolate{2}", options.isolation,  // the numbers of Isolation; the last one counts
          "run the model in a child process that reads the runtime's libraries, writes nothing and starts nothing (default: " +
              fallback + ")")
      ->disable_flag_override();
  verb.add_option("--timeout", options.timeout, "end a model that takes longer to open, or for one call; 0: no limit")
      ->type_name("SECONDS")
      ->check(require_number);
  verb.add_option("--memory", options.memory_mib, "most data of an isolated model (default: 3/4 of the machine's memory)")
      ->type_name("MIB")
      ->check(require_whole_number);
}

void add_inspect(CLI::App& app, Command& command) {
  auto* verb = app.add_subcommand("inspect", "Show what a bundle holds, after checking every file's SHA-256; loads no engine");
  const auto options = std::make_shared<InspectOptions>();
  add_bundle(*verb, options->bundle);
  verb->add_flag("--json", options->json, "print the manifest as JSON")->disable_flag_override();
  verb->callback([&command, options] { command = [options] { return inspect(*options); }; });
}

void add_table(CLI::App& verb, TableOptions& table) {
  verb.add_option("--delimiter", table.delimiter,
                  "between the cells of a table: , ; tab or space (default: the first lines show it)")
      ->type_name("MARK")
      ->check(require_delimiter);
  verb.add_option_function<std::string>(
          "--header",
          [&table](const std::string& text) {
            for (const auto& [word, choice] : header_words)
              if (word == text) table.header = choice;
          },
          "does the first line name the columns: auto, yes or no? (default: auto)")
      ->type_name("WORD")
      ->check(require_header);
  verb.add_flag("--ignore-columns", table.ignore_columns, "leave out columns of a table that the contract does not name")
      ->disable_flag_override();
  verb.add_option("--id", table.id, "write this column of the table in front of each answer")
      ->type_name("COLUMN")
      ->check(require_name);
}

void add_reading(CLI::App& verb, InputOptions& reading) {
  verb.add_option_function<std::string>(
          "--input-format",
          [&reading](const std::string& text) {
            for (const auto& [word, choice] : input_format_words)
              if (word == text) reading.format = choice;
          },
          "raw (values of the contract's dtype and shape), jsonl, csv, or auto: told by the content (default: auto)")
      ->type_name("NAME")
      ->check(require_input_format);
  verb.add_flag("--follow", reading.follow, "read lines (CSV or JSON) as they come, and answer each at once: --input - --follow")
      ->disable_flag_override();
  verb.add_option("--carry", reading.carry,
                  "with --follow: this input is zeros, then this output of the line before; may be repeated")
      ->type_name("INPUT=OUTPUT")
      ->allow_extra_args(false);
  add_table(verb, reading.table);
}

void add_predict(CLI::App& app, Command& command) {
  auto* verb = app.add_subcommand("predict", "Run the model on files and write its named outputs");
  const auto options = std::make_shared<PredictOptions>();
  verb->footer("Examples:\n" + std::string(predict_examples) + "\n" + exit_codes);
  add_bundle(*verb, options->bundle);
  verb->add_flag("--lazy", options->lazy, "check the SHA-256 of what the engine reads only: a large bundle opens sooner")
      ->disable_flag_override();
  add_engine(*verb, options->engine, "the bundle's first that can run here");
  add_isolation(*verb, options->engine);
  verb->add_option(
          "--input", options->inputs,
          "a .npy, .csv, .jsonl, WAV, PNG, JPEG, BMP, PGM or PPM file, a folder of WAV files or images or @LIST, or - for stdin; "
          "NAME=FILE where there are several inputs, or one .npz or table of all")
      ->required()
      ->type_name("FILE")
      ->allow_extra_args(false);
  verb->add_option("--output", options->output,
                   "a .jsonl, .csv, .npy, .npz or .png (a mask) file, FOLDER/ for one file an input file, or - for stdout")
      ->type_name("FILE")
      ->capture_default_str();
  verb->add_option("--format", options->format, "jsonl, csv, npy, npz or png (default: by the output's ending; jsonl on stdout)")
      ->type_name("NAME")
      ->check(require_format);
  verb->add_option("--select", options->select, "write this output only")->type_name("OUTPUT")->check(require_name);
  verb->add_option("--batch", options->batch,
                   "samples read, run and written at a time (default: at most 256 and 8 MiB of inputs; all, where the "
                   "model mixes samples)")
      ->type_name("COUNT")
      ->check(require_whole_number);
  add_reading(*verb, options->reading);
  verb->add_option("--top", options->top, "add the K classes with the highest scores")
      ->type_name("K")
      ->check(require_whole_number);
  verb->callback([&command, options] { command = [options] { return predict(*options); }; });
}

void add_verify(CLI::App& app, Command& command) {
  auto* verb = app.add_subcommand("verify", "Replay the golden inputs and compare the outputs within the bundle's tolerances");
  const auto options = std::make_shared<VerifyOptions>();
  add_bundle(*verb, options->bundle);
  add_engine(*verb, options->engine, "every engine of the bundle that can run here");
  add_isolation(*verb, options->engine);
  verb->add_option("--calls", options->calls, "times that one session replays every golden")
      ->type_name("COUNT")
      ->capture_default_str()
      ->check(require_whole_number);
  verb->add_option("--require", options->required,
                   "engines, and the language cpp, that must have run: else exit code 5; may be repeated, or a list with commas")
      ->type_name("NAMES")
      ->check(require_names)
      ->allow_extra_args(false);
  verb->add_flag("--json", options->json, "print the verdicts as JSON")->disable_flag_override();
  verb->callback([&command, options] { command = [options] { return verify_bundle(*options); }; });
}

void add_bench(CLI::App& app, Command& command) {
  auto* verb = app.add_subcommand("bench", "Time the model, and the same calls written directly against the runtime");
  const auto options = std::make_shared<BenchOptions>();
  add_bundle(*verb, options->bundle);
  add_engine(*verb, options->engine, "the bundle's first that can run here");
  options->engine.isolation = Isolation::off;
  add_isolation(*verb, options->engine);
  verb->add_option("--batch", options->batches, "batch sizes, e.g. 1,64,1024")
      ->type_name("COUNTS")
      ->capture_default_str()
      ->delimiter(',')
      ->check(require_whole_number)
      ->allow_extra_args(false);
  verb->add_option("--calls", options->calls, "timed calls a batch size (default: about a second's worth)")
      ->type_name("COUNT")
      ->check(require_whole_number);
  verb->add_flag("--json", options->json, "print the figures as JSON")->disable_flag_override();
  verb->callback([&command, options] { command = [options] { return bench(*options); }; });
}

constexpr std::string_view see_help = "; see `ferry-run --help`";

// Words that no verb takes: the first option among them, else all.
std::string say_extra(const std::vector<std::string>& extra) {
  const auto option = std::ranges::find_if(extra, [](const std::string& word) { return word.size() > 1 && word.front() == '-'; });
  if (option != extra.end()) return option->substr(0, option->find('=')) + ": no such option";
  std::string words;
  for (const std::string& word : extra) words += (words.empty() ? "" : " ") + word;
  return words + ": not expected here";
}

// CLI11's message in the words of `ferry`. It begins with the option's name.
std::string say(const CLI::App& verb, const CLI::ParseError& failure) {
  std::string message = failure.what();
  const auto name = [&message](std::string_view mark) { return message.substr(0, message.find(mark)); };
  const std::string help(see_help);
  if (dynamic_cast<const CLI::ExtrasError*>(&failure) != nullptr) return say_extra(verb.remaining()) + help;
  if (dynamic_cast<const CLI::RequiredError*>(&failure) != nullptr) return name(" is required") + " is missing" + help;
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&failure) == nullptr) return message;  // of a check above
  if (message.find(" was given ") != std::string::npos) return "--" + name(" was given ") + ": got a value, expected none" + help;
  const bool too_many = message.find("At Most") != std::string::npos;
  return name(": ") + (too_many ? ": got it more than once, expected it once" : ": got no value, expected one") + help;
}

// Where there is no verb.
std::string say_no_verb(std::string_view word) {
  const bool is_option = word.starts_with('-');
  const std::string problem =
      word.empty() ? "got no verb, expected one" : std::string(word) + (is_option ? ": no such option" : ": no such verb");
  return problem + std::string(see_help);
}

}  // namespace

Command parse(const std::vector<std::string>& words) {
  Command command;
  CLI::App app("ferry-run: run a torchferry bundle without Python, and prove that its answers are the same.", "ferry-run");
  app.footer(exit_codes);
  app.set_version_flag("--version", "ferry-run " + std::string(version()));
  app.require_subcommand(1);
  app.fallthrough(false);
  app.allow_windows_style_options(false);  // a path may begin with /
  add_inspect(app, command);
  add_predict(app, command);
  add_verify(app, command);
  add_bench(app, command);
  if (words.size() == 2 && words[1] == "--grammar") {  // for the man page and the completions of shells
    const std::string text = grammar_json(app);
    return [text] { return print_json(text), EXIT_SUCCESS; };
  }
  try {
    app.parse(std::vector(words.rbegin(), words.rend() - (words.empty() ? 0 : 1)));  // CLI11 takes them from the end
  } catch (const CLI::CallForHelp&) {
    const std::string text = app.help();  // of the verb, where there is one
    return [text] { return print(text), EXIT_SUCCESS; };
  } catch (const CLI::CallForVersion& request) {
    const std::string text = request.what();
    return [text] { return print(text + "\n"), EXIT_SUCCESS; };
  } catch (const CLI::ParseError& failure) {
    const auto verbs = app.get_subcommands();
    throw Error(ErrorCode::usage, verbs.empty() ? say_no_verb(words.size() > 1 ? words[1] : "") : say(*verbs.front(), failure));
  }
  return command;
}

}  // namespace ferry::cli
