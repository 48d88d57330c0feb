// The C++ half of the conformance suite: answers requests through ferry::Session and writes down everything it got. What the
// answers must be is said once, for both languages, in test_conformance.py.
//
//   ferry-conformance BUNDLE ENGINE DEVICE THREADS WORKERS CALLS here|isolated REQUEST...
//
// A REQUEST is a folder of inputs NAME.npy. Each of WORKERS threads calls the one session CALLS times with them, all at once. At
// the very end the outputs are written to REQUEST/WORKER-CALL/POSITION.NAME.npy, or the refusal to REQUEST/refusal as its code
// and its line.
#include <barrier>
#include <exception>
#include <ferry/ferry.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "npy.hpp"

namespace {

namespace fs = std::filesystem;
using ferry::NamedTensors;

struct Load {
  int workers = 1;
  int calls = 1;
};

// What one request came to: the outputs of each worker's calls, or the failure.
struct Answer {
  std::vector<std::vector<NamedTensors>> outputs;
  int code = 0;
  std::string problem;
};

std::vector<std::byte> read_file(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(stream), {}};
  const auto view = std::as_bytes(std::span(bytes));
  return {view.begin(), view.end()};
}

NamedTensors read_request(const fs::path& folder) {
  NamedTensors inputs;
  for (const auto& entry : fs::directory_iterator(folder))
    inputs.add(entry.path().stem().string(), ferry::npy::parse(read_file(entry.path()), {entry.path().string()}));
  return inputs;
}

bool same_bytes(const NamedTensors& a, const NamedTensors& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.first == y.first && std::ranges::equal(x.second.bytes(), y.second.bytes());
  });
}

void work(const ferry::Session& session, const NamedTensors& inputs, int calls, std::vector<NamedTensors>& outputs) {
  for (int call = 0; call < calls; ++call) outputs.push_back(session.run(inputs));
}

void record(const std::exception_ptr& failure, Answer& answer) {
  try {
    if (failure) std::rethrow_exception(failure);
  } catch (const ferry::Error& error) {
    answer.code = static_cast<int>(error.code());
    answer.problem = error.what();
  } catch (const std::exception& error) {
    answer.code = static_cast<int>(ferry::ErrorCode::internal);
    answer.problem = std::string("an exception that is no ferry::Error: ") + error.what();
  }
}

Answer ask(const ferry::Session& session, const fs::path& request, const Load& load) {
  const auto inputs = read_request(request);
  const auto before = inputs;
  const auto workers = static_cast<std::size_t>(load.workers);
  Answer answer;
  answer.outputs.resize(workers);
  std::vector<std::exception_ptr> failures(workers);
  {
    std::barrier start(load.workers);
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < workers; ++i)
      threads.emplace_back([&, i] {
        start.arrive_and_wait();
        try {
          work(session, inputs, load.calls, answer.outputs[i]);
        } catch (...) {
          failures[i] = std::current_exception();
        }
      });
  }
  for (const auto& failure : failures) record(failure, answer);
  if (!same_bytes(inputs, before)) {
    answer.code = static_cast<int>(ferry::ErrorCode::internal);
    answer.problem = "the engine wrote into the caller's inputs";
  }
  return answer;
}

void write_outputs(const fs::path& folder, const NamedTensors& outputs) {
  fs::create_directories(folder);
  int position = 0;
  for (const auto& [name, tensor] : outputs) {
    const auto bytes = ferry::npy::serialize(tensor);
    std::ofstream stream(folder / (std::to_string(position++) + "." + name + ".npy"), std::ios::binary);
    stream.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
}

void write_answer(const fs::path& request, const Answer& answer) {
  if (answer.code != 0) {
    std::ofstream(request / "refusal") << answer.code << '\n' << answer.problem << '\n';
    return;
  }
  for (std::size_t worker = 0; worker < answer.outputs.size(); ++worker)
    for (std::size_t call = 0; call < answer.outputs[worker].size(); ++call)
      write_outputs(request / (std::to_string(worker) + "-" + std::to_string(call)), answer.outputs[worker][call]);
}

int run(std::span<char*> arguments) {
  constexpr std::size_t fixed = 7;
  if (arguments.size() < fixed) throw ferry::Error(ferry::ErrorCode::usage, "see the head of driver.cpp");
  const ferry::Session session(ferry::Bundle::open(arguments[0]), {.engine = arguments[1],
                                                                   .device = arguments[2],
                                                                   .threads = std::stoi(arguments[3]),
                                                                   .allow_native = true,
                                                                   .isolate = std::string_view(arguments[6]) == "isolated"});
  const Load load{std::stoi(arguments[4]), std::stoi(arguments[5])};
  const auto requests = arguments.subspan(fixed);
  std::vector<Answer> answers;
  for (const char* request : requests) answers.push_back(ask(session, request, load));
  for (std::size_t i = 0; i < requests.size(); ++i) write_answer(requests[i], answers[i]);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(std::span(argv, static_cast<std::size_t>(argc)).subspan(1));
  } catch (const ferry::Error& error) {
    std::cerr << "error: " << error.what() << '\n';
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << '\n';
    return static_cast<int>(ferry::ErrorCode::internal);
  }
}
