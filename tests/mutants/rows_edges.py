"""Mutants of what lies at the edges: who signed, what is drawn, what an export promises, what is written; tried after the others."""

from __future__ import annotations

from mutants.mutant import Mutant

_PYTHON = "python/torchferry"
_TRUST = "tests/python/bundle/test_trust.py"
_SINK = "tests/python/samples/test_sink.py"
_TORCHSCRIPT = "tests/hostile/test_torchscript_door.py"


def _cpp(file: str, old: str, new: str, tests: str, why: str, *, target: str = "ferry_tests") -> Mutant:
    return Mutant(f"cpp/{file}", old, new, tests, why, target=target)


ROWS = (
    Mutant(
        f"{_PYTHON}/bundle/signature.py",
        "if not verifies(key.key, signature.signature + signature.comment.encode(), signature.comment_signature):",
        "if not signature.comment_signature:",
        _TRUST,
        "anybody writes the trusted comment",
    ),
    Mutant(
        f"{_PYTHON}/bundle/signature.py",
        "    if len(lines) != 5 or lines[4]:",
        "    if len(lines) < 5:",
        _TRUST,
        "bytes behind a signature",
    ),
    Mutant(
        f"{_PYTHON}/bundle/trust.py",
        "trusted = sorted(ring.keys.keys() - ring.revoked)",
        "trusted = sorted(ring.keys.keys())",
        _TRUST,
        "a revoked key is trusted",
    ),
    Mutant(
        f"{_PYTHON}/bundle/strict_json.py",
        "    if len(text) < 20:",
        "    if len(text) < 30:",
        "tests/python/bundle/test_manifest.py",
        "an integer beyond 64 bits, which C++ reads as a float",
    ),
    Mutant(
        f"{_PYTHON}/exporter/acceptance.py",
        "    return sorted(size for size in sizes if size >= smallest_batch(contract, inputs))",
        "    return []",
        "tests/python/exporter/test_exporter.py",
        "an artifact of one batch size is published",
    ),
    Mutant(
        f"{_PYTHON}/exporter/both_languages.py",
        "if said.startswith(NOT_RUN) and registry.runs_in_cpp(engine):",
        "if said.startswith(NOT_RUN) and not registry.runs_in_cpp(engine):",
        "tests/python/exporter/test_both_languages.py",
        "an export does not say which engines C++ could not run",
    ),
    Mutant(
        f"{_PYTHON}/course/crossing.py",
        'not_run[verdict["engine"]] = verdict["reason"]',
        "pass",
        "tests/python/cli/test_demo.py",
        "an engine that C++ could not run is left out of the demo without a word",
    ),
    Mutant(
        f"{_PYTHON}/exporter/factory.py",
        "= inspect.unwrap(export)",
        "= export",
        "tests/python/exporter/test_keywords.py",
        "the command line is told of arguments that it has not",
    ),
    Mutant(
        f"{_PYTHON}/extras.py",
        '_BRING_TORCH = ("export", "course")',
        '_BRING_TORCH = ("export",)',
        "tests/package/test_extras.py",
        "the line that is advised brings a torch which the wheel's plugins refuse",
    ),
    Mutant(
        f"{_PYTHON}/exporter/acceptance.py",
        'return row.kind != "bits" or row.engine != artifact.engine or row.output not in broken',
        "return True",
        "tests/python/exporter/test_exporter.py tests/python/bounds/test_choice.py",
        "equal bits are promised where they differ",
    ),
    Mutant(
        f"{_PYTHON}/samples/sink.py",
        "    return names if select is None else [select]",
        "    return names",
        _SINK,
        "--select writes every output",
    ),
    Mutant(
        f"{_PYTHON}/samples/array_sink.py",
        "self._rows += len(rows) if self._batched else 0",
        "self._rows = len(rows) if self._batched else 0",
        _SINK,
        "a .npy of the last batch's size",
    ),
    Mutant(
        f"{_PYTHON}/intake/synthetic.py",
        "endpoint=True)",
        "endpoint=False)",
        "tests/python/exporter tests/python/intake",
        "the largest integer of a range is never drawn",
    ),
    Mutant(
        f"{_PYTHON}/preprocess/standardize.py",
        "inputs.std(dim=0))",
        "inputs.std(dim=0, unbiased=False))",
        "tests/python/preprocess",
        "another deviation than the lecture's",
    ),
    Mutant(
        f"{_PYTHON}/cgen/ops/cumsum.py",
        'place = f" + i0 * {self.count * self.inner} + i1"',
        'place = f" + i0 * {self.count} + i1"',
        "tests/python/cgen/test_operators.py",
        "running sums over another dim begin elsewhere",
    ),
    Mutant(
        f"{_PYTHON}/cgen/ops/softmax.py",
        "    if index is None:",
        "    if index is not None:",
        "tests/python/cgen/test_operators.py",
        "a softmax over another dim stays moved",
    ),
    Mutant(
        f"{_PYTHON}/engines/torchscript_source.py",
        "            if name in self._names.declared and not (is_refused and is_called):",
        "            if name in self._names.declared:",
        _TORCHSCRIPT,
        "an archive names a method like an operator that it may not use",
    ),
    Mutant(
        f"{_PYTHON}/engines/torchscript_source.py",
        "        elif root in _SPECIAL:",
        "        elif root in ():",
        _TORCHSCRIPT,
        "fork is no operator",
    ),
    _cpp(
        "src/signature.cpp",
        "if (lines.size() != 5 || !lines[4].empty())",
        "if (lines.size() < 5)",
        "*Signed*",
        "bytes behind a signature",
    ),
    _cpp(
        "src/trust.cpp",
        "return keys.contains(key_id) && !revoked.contains(key_id);",
        "return keys.contains(key_id);",
        "*Signed*",
        "a revoked key is trusted",
    ),
    _cpp(
        "src/output_sink.cpp",
        "if (received_ || outputs.size() != specs.size()) {",
        "if (outputs.size() != specs.size()) {",
        "Session*:*Engine*",
        "an engine that answers twice",
    ),
    _cpp(
        "src/output_sink.cpp",
        "if (!received_) throw Error(ErrorCode::internal,",
        "if (false) throw Error(ErrorCode::internal,",
        "Session*:*Engine*",
        "an engine that says nothing has answered",
    ),
    _cpp(
        "src/packed.cpp",
        "if (!listed.contains(path) && is_sidecar(path)) {",
        "if (is_sidecar(path)) {",
        "Packed*:Bundle*",
        "a listed file with a sidecar's name is not checked",
    ),
    _cpp(
        "src/text.cpp",
        "{0xED, 0xED, 3, 0x80, 0x9F}",
        "{0xED, 0xED, 3, 0x80, 0xBF}",
        "Text*:Json*:*BadJsons*",
        "half of a pair is UTF-8",
    ),
    _cpp(
        "src/json.cpp",
        "if (levels_.size() == limits::max_json_depth) {",
        "if (levels_.size() == limits::max_json_depth + 1) {",
        "Json*:*BadJsons*:*Manifest*",
        "nesting of one level more",
    ),
    _cpp(
        "src/contract.cpp",
        "  if (label >= 0 && label < count) return {};",
        "  if (label >= 0 && label <= count) return {};",
        "RowOutput*",
        "a class behind the last name",
        target="ferry_cli_tests",
    ),
    _cpp(
        "cli/row_output.cpp",
        'if (i != 0) out += ", ";',
        'if (i > 1) out += ", ";',
        "RowOutput*",
        "two numbers run together",
        target="ferry_cli_tests",
    ),
    _cpp(
        "src/float_text_stdio.cpp",
        "return fixed.size() <= text.size() ? fixed : text;",
        "return fixed.size() < text.size() ? fixed : text;",
        "FloatText*",
        "another text of a bound in WebAssembly",
        target="ferry_float_text_test",
    ),
    _cpp(
        "src/shared_models.cpp",
        "    add(std::to_string(request.lasting));",
        "",
        "SharedModels*",
        "a session reads files that it never promised to leave alone",
    ),
    _cpp(
        "src/shared_models.cpp",
        "    files.reset();  // whoever has seen the model still keeps this function",
        "",
        "SharedModels*",
        "a file stays mapped when its last model is closed",
    ),
    Mutant(
        ".ci/wheel-licences",
        "        if library is None or not packages & set(library.packages):",
        "        if library is None:",
        "tests/package/test_wheel_licences.py",
        "a library in the wheel without its licence",
    ),
)
