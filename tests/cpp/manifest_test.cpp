#include "manifest.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>

#include "toy_bundle.hpp"

namespace {

using nlohmann::json;

const json& valid_manifest() {
  static const json manifest = ToyBundle().manifest;
  return manifest;
}

Failure parse_failure(const json& manifest) {
  return failure_of([&] { static_cast<void>(ferry::parse_manifest(manifest.dump(), "m.json")); });
}

TEST(Manifest, AValidOneIsReadWhole) {
  json manifest = valid_manifest();
  manifest["training"] = {{"recipe", "r"},
                          {"dataset", "d"},
                          {"seed", 7},
                          {"epochs", 20},
                          {"metrics", {{"accuracy", 0.5}}},
                          {"versions", {{"torch", "2"}}}};
  manifest["contract"]["inputs"][0]["unit"] = "cm";
  manifest["contract"]["inputs"][0]["range"] = {-1, 2.5};
  const ferry::Manifest read = ferry::parse_manifest(manifest.dump(), "m.json");
  EXPECT_EQ(read.name, "toy");
  const ferry::TensorSpec& input = read.contract.inputs.at(0);
  EXPECT_EQ(input.name, "x");
  EXPECT_EQ(input.dtype, ferry::DType::float32);
  EXPECT_EQ(input.shape, (std::vector<ferry::Dim>{std::string("N"), std::int64_t{3}}));
  EXPECT_EQ(input.unit, "cm");
  EXPECT_EQ(input.range, (std::array<double, 2>{-1, 2.5}));
  EXPECT_EQ(read.contract.symbols.at("N").max, 1000);
  EXPECT_EQ(read.contract.classes->names.at(2), "right");
  EXPECT_EQ(read.artifacts.at(0).files.at(0).path, "model.toy");
  EXPECT_EQ(read.golden.cases.at(1).float64.at("label").path, "golden/batch-1.float64.label.npy");
  EXPECT_EQ(read.tolerances.at(1).kind, ferry::ToleranceKind::bits);
  EXPECT_EQ(read.training->epochs, 20);
  EXPECT_EQ(read.training->metrics.at("accuracy"), 0.5);
}

TEST(Manifest, ANewerVersionIsCalledNewerWhateverElseItHolds) {
  const Failure failure = parse_failure({{"format_version", 4}, {"surprise", true}});
  EXPECT_EQ(failure.code, 3);
  EXPECT_EQ(failure.text,
            "m.json: format_version: got 4, expected 2 or 3; this bundle is newer than this program: update torchferry");
}

TEST(Manifest, OneOfVersion2IsReadAndSaysNothingOfSamples) {
  json manifest = valid_manifest();
  manifest["format_version"] = 2;
  EXPECT_NE(parse_failure(manifest).text.find("contract.samples"), std::string::npos);
  manifest["contract"].erase("samples");
  EXPECT_NE(parse_failure(manifest).text.find("artifacts[0].accepted"), std::string::npos);
  for (json& artifact : manifest["artifacts"]) artifact.erase("accepted");
  EXPECT_NE(parse_failure(manifest).text.find("golden.cases[0].origin"), std::string::npos);
  for (json& item : manifest["golden"]["cases"]) item.erase("origin");
  const ferry::Manifest read = ferry::parse_manifest(manifest.dump(), "m.json");
  EXPECT_EQ(read.format_version, 2);
  EXPECT_EQ(read.contract.samples, ferry::Samples::independent);
  EXPECT_EQ(read.artifacts.at(0).accepted.at("c++"), "not run: format version 2 does not say where it ran");
  manifest["format_version"] = 3;
  EXPECT_EQ(parse_failure(manifest).code, 3);
}

TEST(Manifest, AnArtifactSaysWhereItRan) {
  json manifest = valid_manifest();
  json& accepted = manifest["artifacts"][0]["accepted"];
  EXPECT_EQ(ferry::parse_manifest(manifest.dump(), "m.json").artifacts.at(0).accepted.at("c++"), "passed");
  for (const char* text : {"failed", "", "not run: ", "not run"}) {
    accepted["c++"] = text;
    EXPECT_NE(parse_failure(manifest).text.find("artifacts[0].accepted.c++"), std::string::npos) << text;
  }
  accepted.erase("c++");
  EXPECT_EQ(parse_failure(manifest).code, 3);
}

TEST(Manifest, OneOfVersion1IsRefused) {
  json manifest = valid_manifest();
  manifest["format_version"] = 1;
  EXPECT_NE(parse_failure(manifest).text.find("format_version: got 1, expected an integer from 2 to 3"), std::string::npos);
}

TEST(Manifest, SamplesAreIndependentOrDependOnTheBatch) {
  json manifest = valid_manifest();
  manifest["contract"]["samples"] = "batch";
  EXPECT_EQ(ferry::parse_manifest(manifest.dump(), "m.json").contract.samples, ferry::Samples::batch);
  manifest["contract"]["samples"] = "some";
  EXPECT_NE(parse_failure(manifest).text.find("contract.samples: got \"some\""), std::string::npos);
}

TEST(Manifest, MetadataIsAMapOfBoundedTexts) {
  json manifest = valid_manifest();
  manifest["metadata"] = {{"licence", "MIT"}, {"Run.id_7-b", std::string(4096, 'x')}};
  EXPECT_EQ(ferry::parse_manifest(manifest.dump(), "m.json").metadata.at("licence"), "MIT");
  manifest["metadata"]["long"] = std::string(4097, 'x');
  EXPECT_NE(parse_failure(manifest).text.find("metadata.long"), std::string::npos);
}

TEST(Manifest, EveryKeyIsRequiredAndNoOtherIsAllowed) {
  const json& valid = valid_manifest();
  const json flat = valid.flatten();
  int objects = 0;
  std::vector<json::json_pointer> pending{json::json_pointer()};
  while (!pending.empty()) {
    const json::json_pointer place = pending.back();
    pending.pop_back();
    const json& value = valid.at(place);
    if (value.is_array()) {
      for (std::size_t i = 0; i < value.size(); ++i) pending.push_back(place / i);
    }
    if (!value.is_object()) continue;
    ++objects;
    for (const auto& item : value.items()) {
      pending.push_back(place / item.key());
      json broken = valid;
      broken[place].erase(item.key());
      EXPECT_EQ(parse_failure(broken).code, 3) << "without " << (place / item.key()).to_string();
      broken = valid;
      broken[place][item.key()] = json::array({json::object()});
      EXPECT_EQ(parse_failure(broken).code, 3) << "another type at " << (place / item.key()).to_string();
    }
    // `requires` and `metadata` are free; every other object has its own keys.
    const bool is_free = place.to_string().ends_with("/requires") || place.to_string() == "/metadata";
    json broken = valid;
    broken[place]["unknown"] = "x";
    EXPECT_EQ(parse_failure(broken).code, is_free ? 0 : 3) << "one more in " << place.to_string();
  }
  EXPECT_GT(objects, 20);
}

TEST(Manifest, EveryTruncationIsRefused) {
  const std::string text = valid_manifest().dump(1);
  for (std::size_t size = 0; size < text.size(); size += 7) {
    EXPECT_EQ(failure_of([&] { static_cast<void>(ferry::parse_manifest(text.substr(0, size), "m.json")); }).code, 3) << size;
  }
}

// The label held to a margin of scores whose bound is 0.125.
void hold_to_margin(json& manifest, double margin, const std::string& reason) {
  manifest["tolerances"][0].update({{"bound", 0.125}, {"reason", "at most 0.125: a test"}});
  manifest["tolerances"][1].update({{"numerics", "any"},
                                    {"reference", "float64"},
                                    {"kind", "label"},
                                    {"bound", margin},
                                    {"scores", "scaled"},
                                    {"reason", reason}});
}

TEST(Manifest, ALabelMayBeHeldToTwiceTheBoundOfItsScores) {
  json manifest = valid_manifest();
  hold_to_margin(manifest, 0.25, "at most 0.25: a test");
  EXPECT_EQ(parse_failure(manifest).text, "");
}

struct Breakage {
  const char* title;
  std::function<void(json&)> apply;
  const char* reason;
};
void PrintTo(const Breakage& breakage, std::ostream* out) { *out << breakage.title; }
class BrokenManifests : public testing::TestWithParam<Breakage> {};

TEST_P(BrokenManifests, AreRefusedWithTheKeyNamed) {
  json manifest = valid_manifest();
  GetParam().apply(manifest);
  const Failure failure = parse_failure(manifest);
  EXPECT_EQ(failure.code, 3) << GetParam().title;
  EXPECT_NE(failure.text.find(GetParam().reason), std::string::npos) << failure.text;
}

std::string title_of(const testing::TestParamInfo<Breakage>& info) { return info.param.title; }

INSTANTIATE_TEST_SUITE_P(
    Scalars, BrokenManifests,
    testing::Values(
        Breakage{"VersionZero", [](json& m) { m["format_version"] = 0; },
                 "format_version: got 0, expected an integer from 2 to 3"},
        Breakage{"VersionWithFraction", [](json& m) { m["format_version"] = 1.0; }, "format_version: got 1.0"},
        Breakage{"NameWithSlash", [](json& m) { m["name"] = "a/b"; }, "name: got \"a/b\""},
        Breakage{"NameTooLong", [](json& m) { m["name"] = std::string(65, 'a'); }, "name: got"},
        Breakage{"PathWithDots", [](json& m) { m["artifacts"][0]["files"][0]["path"] = "../x"; },
                 "artifacts[0].files[0].path: got \"../x\""},
        Breakage{"AbsolutePath", [](json& m) { m["artifacts"][0]["files"][0]["path"] = "/etc/passwd"; },
                 "artifacts[0].files[0].path"},
        Breakage{"HiddenFile", [](json& m) { m["artifacts"][0]["files"][0]["path"] = "a/.b"; }, "artifacts[0].files[0].path"},
        Breakage{"Backslash", [](json& m) { m["artifacts"][0]["files"][0]["path"] = "a\\b"; }, "artifacts[0].files[0].path"},
        Breakage{"EmptyComponent", [](json& m) { m["artifacts"][0]["files"][0]["path"] = "a//b"; }, "artifacts[0].files[0].path"},
        Breakage{"TrailingSlash", [](json& m) { m["artifacts"][0]["files"][0]["path"] = "a/"; }, "artifacts[0].files[0].path"},
        Breakage{"PathTooLong", [](json& m) { m["artifacts"][0]["files"][0]["path"] = std::string(256, 'a'); },
                 "artifacts[0].files[0].path"},
        Breakage{"PathOfManyComponentsTooLong",
                 [](json& m) {
                   std::string path = "a";
                   while (path.size() < 256) path += "/a";
                   m["artifacts"][0]["files"][0]["path"] = path;
                 },
                 "artifacts[0].files[0].path"},
        Breakage{"ShortDigest", [](json& m) { m["artifacts"][0]["files"][0]["sha256"] = std::string(63, '0'); },
                 "files[0].sha256"},
        Breakage{"UpperCaseDigest", [](json& m) { m["artifacts"][0]["files"][0]["sha256"] = std::string(64, 'A'); },
                 "files[0].sha256"},
        Breakage{"NegativeSize", [](json& m) { m["artifacts"][0]["files"][0]["bytes"] = -1; }, "files[0].bytes: got -1"},
        Breakage{"UnknownDtype", [](json& m) { m["contract"]["inputs"][0]["dtype"] = "float8"; },
                 "contract.inputs[0].dtype: got \"float8\""},
        Breakage{"NegativeDim", [](json& m) { m["contract"]["inputs"][0]["shape"][1] = -3; },
                 "contract.inputs[0].shape[1]: got -3"},
        Breakage{"LowerCaseSymbol", [](json& m) { m["contract"]["inputs"][0]["shape"][1] = "n"; },
                 "contract.inputs[0].shape[1]: got \"n\""},
        Breakage{"RankNine", [](json& m) { m["contract"]["inputs"][0]["shape"] = {"N", 1, 1, 1, 1, 1, 1, 1, 1}; }, "got rank 9"},
        Breakage{"BatchNotFirst", [](json& m) { m["contract"]["inputs"][0]["shape"] = {3, "N"}; }, "contract.inputs[0].shape[1]"},
        Breakage{"RangeReversed", [](json& m) { m["contract"]["inputs"][0]["range"] = {2, 1}; }, "contract.inputs[0].range"},
        Breakage{"RangeOfThree", [](json& m) { m["contract"]["inputs"][0]["range"] = {1, 2, 3}; }, "contract.inputs[0].range"},
        Breakage{"NonfiniteIntegers", [](json& m) { m["contract"]["outputs"][1]["allow_nonfinite"] = true; },
                 "outputs[1].allow_nonfinite"},
        Breakage{"MaxBelowMin", [](json& m) { m["contract"]["symbols"]["N"] = {{"min", 2}, {"max", 1}}; },
                 "contract.symbols.N.max"},
        Breakage{"NoInputs", [](json& m) { m["contract"]["inputs"] = json::array(); },
                 "contract.inputs: got 0 items, expected at least 1"},
        Breakage{"EmptyClassName", [](json& m) { m["contract"]["classes"]["names"][0] = ""; }, "contract.classes.names[0]"},
        Breakage{"UnknownSource", [](json& m) { m["golden"]["source"] = "imagined"; },
                 "golden.source: got \"imagined\", expected one of real"},
        Breakage{"NegativeBound", [](json& m) { m["tolerances"][0]["bound"] = -1e-9; }, "tolerances[0].bound"},
        Breakage{"NoReason", [](json& m) { m["tolerances"][0]["reason"] = ""; }, "tolerances[0].reason"},
        Breakage{"BitsAgainstFloat64", [](json& m) { m["tolerances"][1]["reference"] = "float64"; }, "tolerances[1].reference"},
        Breakage{"BitsWithBound", [](json& m) { m["tolerances"][1]["bound"] = 0.5; }, "tolerances[1].bound"}),
    title_of);

INSTANTIATE_TEST_SUITE_P(
    Rules, BrokenManifests,
    testing::Values(
        Breakage{"InputTwice", [](json& m) { m["contract"]["inputs"].push_back(m["contract"]["inputs"][0]); },
                 "contract.inputs[1].name"},
        Breakage{"OutputTwice", [](json& m) { m["contract"]["outputs"][1]["name"] = "scaled"; }, "contract.outputs[1].name"},
        Breakage{"UnboundSymbol", [](json& m) { m["contract"]["outputs"][0]["shape"][1] = "K"; },
                 "contract.outputs[0].shape: got the symbol K"},
        Breakage{"UnusedSymbol", [](json& m) { m["contract"]["symbols"]["K"] = m["contract"]["symbols"]["N"]; },
                 "contract.symbols.K"},
        Breakage{"SymbolWithoutRange", [](json& m) { m["contract"]["symbols"] = json::object(); },
                 "contract.symbols: got no range for N"},
        Breakage{"ClassesOfFloats", [](json& m) { m["contract"]["classes"]["output"] = "scaled"; }, "contract.classes.output"},
        Breakage{"ClassTwice", [](json& m) { m["contract"]["classes"]["names"][1] = "left"; }, "contract.classes.names[1]"},
        Breakage{"FormatTwice",
                 [](json& m) {
                   m["artifacts"].push_back(m["artifacts"][0]);
                   m["artifacts"][1]["engine"] = "other";
                 },
                 "artifacts[1].format"},
        Breakage{"EngineTwice",
                 [](json& m) {
                   m["artifacts"].push_back(m["artifacts"][0]);
                   m["artifacts"][1]["format"] = "zoo";
                 },
                 "artifacts[1].engine"},
        Breakage{"FormatsUnsorted",
                 [](json& m) {
                   m["artifacts"].push_back(m["artifacts"][0]);
                   m["artifacts"][1]["format"] = "aaa";
                   m["artifacts"][1]["engine"] = "aaa";
                 },
                 "expected artifacts sorted by format"},
        Breakage{"PathTwice", [](json& m) { m["golden"]["cases"][0]["inputs"]["x"] = m["artifacts"][0]["files"][0]; },
                 "path: got model.toy a second time"},
        Breakage{"ManifestListed", [](json& m) { m["artifacts"][0]["files"][0]["path"] = "manifest.json"; },
                 "path: got manifest.json"},
        Breakage{"ANativeFileFirst", [](json& m) { m["artifacts"][0]["files"][0]["path"] = "native/x/model.toy"; },
                 "path: got native/x/model.toy"},
        Breakage{"ANativeGolden", [](json& m) { m["golden"]["cases"][0]["inputs"]["x"]["path"] = "native/x.npy"; },
                 "path: got native/x.npy"},
        Breakage{"CaseTwice", [](json& m) { m["golden"]["cases"][1]["name"] = "batch-4"; }, "golden.cases[1].name"},
        Breakage{"GoldenOutputRemoved", [](json& m) { m["golden"]["cases"][0]["float32"].erase("label"); },
                 "golden.cases[0].float32.label"},
        Breakage{"GoldenOfUnknownOutput",
                 [](json& m) {
                   json& case_files = m["golden"]["cases"][0]["float64"];
                   case_files["other"] = case_files["label"];
                   case_files["other"]["path"] = "golden/other.npy";
                 },
                 "golden.cases[0].float64.other"},
        Breakage{"RowOfUnknownOutput", [](json& m) { m["tolerances"][0]["output"] = "other"; }, "tolerances[0].output"},
        Breakage{"RowTwice", [](json& m) { m["tolerances"].push_back(m["tolerances"][0]); }, "tolerances[2]: got a second row"},
        Breakage{"RowMissing", [](json& m) { m["tolerances"].erase(0); },
                 "tolerances: got no row for engine toy, output scaled on cpu"},
        Breakage{"BoundOfIntegers", [](json& m) { m["tolerances"][1].update({{"kind", "absolute"}, {"bound", 1.0}}); },
                 "tolerances[1].bound: got 1, expected 0"},
        Breakage{"BoundWithAnotherReason", [](json& m) { m["tolerances"][0]["bound"] = 0.5; }, "tolerances[0].reason"},
        Breakage{"BoundWithTheReasonOfAnother",
                 [](json& m) { m["tolerances"][0].update({{"bound", 0.5}, {"reason", "at most 0.25: a test"}}); },
                 "tolerances[0].reason"},
        Breakage{"MarginWithTheReasonOfAnother", [](json& m) { hold_to_margin(m, 0.25, "at most 0.125: a test"); },
                 "tolerances[1].reason"},
        Breakage{"MarginOfAnotherWidth", [](json& m) { hold_to_margin(m, 0.5, "at most 0.5: a test"); },
                 "tolerances[1].bound: got 0.5, expected twice the bound of scaled"},
        Breakage{"ScoresWithoutClassAxis",
                 [](json& m) {
                   hold_to_margin(m, 0.25, "at most 0.25: a test");
                   m["contract"]["outputs"][1]["shape"] = {"N", 3, 3};
                 },
                 "tolerances[1].scores"},
        Breakage{"ScoresWithTwoClassAxes",
                 [](json& m) {
                   hold_to_margin(m, 0.25, "at most 0.25: a test");
                   m["contract"]["outputs"][0]["shape"] = {3, 3};
                   m["contract"]["outputs"][1]["shape"] = {3};
                 },
                 "tolerances[1].scores"},
        Breakage{"OneSymbolWithoutRange", [](json& m) { m["contract"]["inputs"][0]["shape"][1] = "K"; },
                 "contract.symbols: got no range for K"},
        Breakage{"OnlyAGoldenRow", [](json& m) { m["tolerances"][0]["numerics"] = "golden"; },
                 "tolerances: got no row for engine toy"}),
    title_of);

}  // namespace
