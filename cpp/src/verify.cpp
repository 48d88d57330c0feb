// Replays a bundle's golden cases: everything runs first, then everything is compared (FORMAT.md sections 6 and 9).
#include <algorithm>
#include <cstdint>
#include <ferry/ferry.hpp>
#include <limits>
#include <string>
#include <vector>

#include "carried_calls.hpp"
#include "case_origin.hpp"
#include "contract.hpp"
#include "float_mode.hpp"
#include "golden_tensors.hpp"
#include "kinds/kind.hpp"
#include "limits.hpp"
#include "manifest.hpp"
#include "memory.hpp"
#include "reference.hpp"
#include "regroup.hpp"
#include "replay.hpp"
#include "telling.hpp"
#include "text.hpp"
#include "timed.hpp"
#include "tolerance_row.hpp"

namespace ferry {

static_assert(max_verify_calls == limits::max_verify_calls);  // a public header includes no generated one

namespace {

struct Replayed : GoldenTensors {
  std::vector<NamedTensors> outputs;  // of each call
  std::vector<Regrouped> parts;       // the same samples in other groups
};

std::string name_of(const Bundle& bundle) { return text::shown(bundle.folder()); }

NamedTensors run_case(const Bundle& bundle, const Session& session, const std::string& name, const NamedTensors& inputs) {
  return golden_answer(bundle, name, [&] { return session.run(inputs); });
}

// How many streams lie side by side in the inputs of a step; one where none of them has a batch.
std::int64_t streams_of(const Contract& contract, const NamedTensors& inputs) {
  for (const TensorSpec& spec : without_state(contract).inputs)
    if (!spec.shape.empty() && spec.shape.front() == Dim("N")) return inputs[spec.name].shape().front();
  return 1;
}

// Runs every case once. A step gets the state that the session itself gave in the step before, zeros at first.
void run_cases(const Bundle& bundle, const Session& session, std::vector<Replayed>& replayed) {
  const std::vector<GoldenCase>& cases = bundle.manifest().golden.cases;
  std::optional<CarriedCalls> stream;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto run = [&](const NamedTensors& inputs) { return run_case(bundle, session, cases[i].name, inputs); };
    if (!is_step(cases[i])) {
      replayed[i].outputs.push_back(run(replayed[i].inputs));
      continue;
    }
    if (!stream) stream.emplace(bundle.contract(), bundle.contract().state, streams_of(bundle.contract(), replayed[i].inputs));
    replayed[i].outputs.push_back(stream->next(replayed[i].inputs, run));
  }
}

// The row that holds for an engine with these numerics: `golden` where they are those of the golden's machine, else `any`.
const Tolerance& tolerance_for(const Bundle& bundle, const Session& session, const std::string& numerics,
                               const std::string& output) {
  const bool same_numerics = !numerics.empty() && numerics == bundle.manifest().golden.numerics;
  const Tolerance* row = same_numerics ? find_tolerance(bundle, session, output, "golden") : nullptr;
  return row != nullptr ? *row : any_tolerance(bundle, session, output);
}

// What a row of kind label is judged by; empty for the others.
Scores golden_scores(const Bundle& bundle, const TensorSpec& label, const Tolerance& row, const NamedTensors& float64) {
  if (!row.scores) return {};
  const std::vector<TensorSpec>& outputs = bundle.contract().outputs;
  const auto spec = find_spec(outputs, *row.scores);
  const auto axis = class_axis(*spec, label);
  return axis ? Scores{float64.find(*row.scores), *axis} : Scores{};
}

Rounding rounding_of(const std::vector<Replayed>& cases, const std::string& output) {
  Rounding rounding;
  for (const Replayed& item : cases) rounding.add(item.float32[output], item.float64[output]);
  return rounding;
}

bool is_quantized(const Bundle& bundle, const std::string& engine) {
  const Artifact* artifact = bundle.find_artifact(engine);
  return artifact != nullptr && artifact->requirements.contains("quantize");
}

// Nothing is proven within a bound, of whatever engine, that was loosened beyond all rounding.
void require_telling(const Bundle& bundle, const std::vector<Replayed>& cases) {
  for (const Tolerance& row : bundle.manifest().tolerances) {
    if (!kind_of(row.kind).is_limited()) continue;
    const double largest = rounding_of(cases, row.output).largest_bound(is_quantized(bundle, row.engine));
    if (!(row.bound <= largest))
      throw Error(ErrorCode::format, name_of(bundle) + ": tolerances: " + row.engine + " " + row.device + " " + row.output +
                                         ": bound: got " + text::short_number(row.bound) + ", expected at most " +
                                         text::short_number(largest) +
                                         ", beyond which the goldens prove nothing; export the bundle again");
  }
}

// What a verdict says of bounds that only the float32 goldens allow; empty where there are none. An honest module may lose
// that many digits. So may a manifest that was edited, with one golden: no run holds an engine to a float32 golden where
// another row than `bits` holds.
std::string resting_words(const Bundle& bundle, const Session& session, const std::vector<Replayed>& cases) {
  std::string found;
  for (const TensorSpec& spec : bundle.contract().outputs) {
    const Tolerance& row = tolerance_for(bundle, session, session.numerics(), spec.name);
    if (!kind_of(row.kind).is_limited()) continue;
    const double allowed = rounding_of(cases, row.output).allowed_by_size(is_quantized(bundle, row.engine));
    if (row.bound <= allowed) continue;
    found += (found.empty() ? "" : ", ") + row.output + " " + text::short_number(row.bound) + " (its float64 goldens allow " +
             text::short_number(allowed) + ")";
  }
  return found.empty() ? found : "wide bounds that rest on the float32 goldens, which this run does not confirm: " + found;
}

// Fails a verdict that passed where an answer counts a class without a name: `predict` has to tell it.
void hold_to_class_names(const Bundle& bundle, const NamedTensors& outputs, const TensorSpec& spec, Verdict& verdict) {
  const std::optional<Classes>& classes = bundle.contract().classes;
  if (!verdict.passed || !classes || classes->output != spec.name) return;
  for (const std::int64_t label : outputs[spec.name].as<std::int64_t>()) {
    const std::string problem = unnamed_class(*classes, label);
    if (problem.empty()) continue;
    verdict.passed = false;
    verdict.problem = problem + ", which have names; name every class and export again";
    return;
  }
}

// The verdict of one output of one call.
Verdict judge(const Bundle& bundle, const Replayed& item, const NamedTensors& outputs, const TensorSpec& spec,
              const Tolerance& row) {
  const NamedTensors& golden = choose(row.reference, item.float32, item.float64);
  return compare(outputs.find(spec.name), golden[spec.name], row, spec.allow_nonfinite,
                 golden_scores(bundle, spec, row, item.float64));
}

// Fails a verdict that passed where the same samples in other groups have other answers. Bits depend on the batch: where
// the verdict asks for equality, the row that holds on any machine judges. It says nothing of samples where the whole batch
// itself is not what that row expects: then the golden is at fault.
void hold_to_samples(const Bundle& bundle, const Session& session, const Replayed& item, const TensorSpec& spec,
                     Verdict& verdict) {
  if (!verdict.passed || item.parts.empty()) return;
  const std::vector<TensorSpec>& outputs = bundle.contract().outputs;
  const bool equality = verdict.tolerance.bound == 0;
  const std::string numerics = equality ? std::string() : session.numerics();
  const Tolerance& row = tolerance_for(bundle, session, numerics, spec.name);
  if (!judge(bundle, item, item.outputs.front(), spec, row).passed) return;
  for (const Regrouped& part : item.parts) {
    if (!verdict.passed) return;
    const NamedTensors float64 = rows_of(outputs, item.float64, part.rows);
    const NamedTensors golden = row.reference == Reference::float64 ? float64 : rows_of(outputs, item.float32, part.rows);
    const Verdict found = compare(part.outputs.find(spec.name), golden[spec.name], row, spec.allow_nonfinite,
                                  golden_scores(bundle, spec, row, float64));
    if (found.passed) continue;
    verdict.passed = false;
    verdict.problem = mixing_problem(part, found);
  }
}

// Which golden case, which call of it.
struct Place {
  std::size_t golden_case;
  std::size_t call;
};

Verdict judge_call(const Bundle& bundle, const Session& session, const Replayed& item, const TensorSpec& spec, Place place) {
  const Tolerance& row = tolerance_for(bundle, session, session.numerics(), spec.name);
  Verdict verdict = judge(bundle, item, item.outputs[place.call], spec, row);
  verdict.golden_case = bundle.manifest().golden.cases[place.golden_case].name;
  verdict.call = place.call + 1;
  hold_to_class_names(bundle, item.outputs[place.call], spec, verdict);
  const Tolerance* promised = find_tolerance(bundle, session, spec.name, "golden");
  if (row.numerics == "any" && promised != nullptr && !session.numerics().empty() && verdict.compared != 0)
    verdict.other_kernels_ulp = judge(bundle, item, item.outputs[place.call], spec, *promised).max_ulp;
  if (place.call == 0) hold_to_samples(bundle, session, item, spec, verdict);
  return verdict;
}

// Everything runs before anything is compared.
std::vector<Replayed> replay(const Bundle& bundle, const Session& session, std::size_t calls) {
  const std::vector<GoldenCase>& cases = bundle.manifest().golden.cases;
  std::vector<Replayed> replayed;
  replayed.reserve(cases.size());
  for (const GoldenCase& item : cases) replayed.push_back({read_golden(bundle, item), {}, {}});
  require_telling(bundle, replayed);
  for (std::size_t call = 0; call < calls; ++call) run_cases(bundle, session, replayed);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    if (is_step(cases[i])) continue;  // the single calls show what samples do to each other
    replayed[i].parts = regroup(bundle.contract(), replayed[i].inputs);
    for (Regrouped& part : replayed[i].parts) part.outputs = run_case(bundle, session, cases[i].name, part.inputs);
  }
  return replayed;
}

}  // namespace

EngineVerdict verify(const Bundle& bundle, const Session& session, std::size_t calls) try {
  constexpr std::size_t most = std::numeric_limits<std::int64_t>::max();
  static_cast<void>(checked_calls(static_cast<std::int64_t>(std::min(calls, most)), "calls"));
  const Timed timed("verify", session.engine());
  const IeeeArithmetic arithmetic;
  const std::vector<Replayed> replayed = replay(bundle, session, calls);
  EngineVerdict result{session.engine(), session.device(), EngineVerdict::Status::passed, {}, session.numerics(), {}};
  for (std::size_t call = 0; call < calls; ++call)
    for (std::size_t i = 0; i < replayed.size(); ++i)
      for (const TensorSpec& spec : bundle.contract().outputs)
        result.verdicts.push_back(judge_call(bundle, session, replayed[i], spec, {i, call}));
  const bool passed = std::all_of(result.verdicts.begin(), result.verdicts.end(),
                                  [](const Verdict& one) { return one.passed && one.compared > 0; });
  if (result.verdicts.empty() || !passed) result.status = EngineVerdict::Status::failed;
  if (result.verdicts.empty())
    result.reason = "goldens: got no output to compare, expected at least one; open a bundle that has some";
  else if (passed)
    result.reason = resting_words(bundle, session, replayed);
  return result;
} catch (const std::bad_alloc&) {
  throw_lack_of_memory();
}

}  // namespace ferry
