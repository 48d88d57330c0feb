"""Mutants of what others are shown: attestations, bills of materials, fleets."""

from __future__ import annotations

from mutants.mutant import Mutant

_ATTEST = "python/torchferry/attest"
_BOM = "tests/python/evidence/test_bom.py"
_CLI = "tests/python/cli/test_attest.py"
_ENVELOPE = "tests/python/attest/test_envelope.py"
_EVIDENCE = "tests/python/evidence/test_evidence.py"
_FLEET = "python/torchferry/fleet"
_STATEMENT = "tests/python/attest/test_statement.py"
_STORE = "tests/python/fleet/test_store.py"
_SUMMARY = "tests/python/fleet/test_summary.py"

ROWS = (
    Mutant(
        f"{_ATTEST}/report.py",
        "return far <= verdict.bound",
        "return True",
        "tests/python/attest/test_report.py",
        "a report passes an output that is beyond its bound",
    ),
    Mutant(
        f"{_ATTEST}/report.py",
        "            return naming_problem(verdict)",
        "            return None",
        "tests/python/attest/test_report.py",
        "a report with a bound that its reason does not name",
    ),
    Mutant(
        f"{_FLEET}/gate.py",
        "engine.engine in {*engines, *required}",
        "engine.engine in engines",
        _SUMMARY,
        "a required engine that failed rolls out",
    ),
    Mutant(
        f"{_FLEET}/held.py",
        "found and found.get(cell, 0) < goldens[cell]",
        "found and cell not in found",
        _SUMMARY,
        "a machine that compared a part of an output",
    ),
    Mutant(
        f"{_FLEET}/held.py",
        "        if bound > bounds[row]:",
        "        if bound < bounds[row]:",
        _SUMMARY,
        "a machine that was held to a wider bound",
    ),
    Mutant(
        f"{_FLEET}/store.py",
        "if (entry.report.name, entry.report.source) != (first.name, first.source):",
        "if entry.report.name != first.name:",
        _STORE,
        "goldens that are said to be real by one machine and made up by another",
    ),
    Mutant(
        "python/torchferry/evidence/clauses.py",
        'return value not in (None, {}, [], "")',
        "return True",
        f"{_EVIDENCE}::test_a_place_that_says_nothing_is_no_answer",
        "the map points to a key that is not there",
    ),
    Mutant(
        "python/torchferry/evidence/spice.py",
        'f"{MANIFEST}#golden.source"',
        'f"{MANIFEST}#golden.sauce"',
        f"{_EVIDENCE}::test_each_place_of_the_map_is_in_the_folder_and_says_something",
        "the map points to nothing",
    ),
    Mutant(
        f"{_ATTEST}/envelope.py",
        "return len(signature) == SIGNATURE_BYTES and verifies(keys.keys[key_id].key, message, signature)",
        "return len(signature) == SIGNATURE_BYTES",
        _ENVELOPE,
        "anybody signs an attestation",
    ),
    Mutant(
        f"{_ATTEST}/envelope.py",
        "        if one.keyid in trusted and not found:",
        "        if one.keyid in trusted and not found and not good:",
        _ENVELOPE,
        "a wrong signature of a trusted key beside a right one",
    ),
    Mutant(
        f"{_ATTEST}/envelope.py",
        "trusted = sorted(keys.keys.keys() - keys.revoked)",
        "trusted = sorted(keys.keys.keys())",
        _ENVELOPE,
        "a revoked key attests",
    ),
    Mutant(
        f"{_ATTEST}/envelope.py",
        'return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)',
        'return b"DSSEv1 %d %s %d %s" % (len(payload), kind, len(payload), payload)',
        _ENVELOPE,
        "another encoding than that of DSSE",
    ),
    Mutant(
        f"{_ATTEST}/statement.py",
        "same = all(predicate[key] == said for key, said in _result(report).items())",
        "same = True",
        _STATEMENT,
        "a result that its report does not give",
    ),
    Mutant(
        f"{_ATTEST}/check.py",
        "    for name in sorted(subject.keys() | attested.subject.keys()):",
        "    for name in sorted(subject.keys() - attested.subject.keys()):",
        _CLI,
        "an attestation of another bundle",
    ),
    Mutant(
        f"{_ATTEST}/check.py",
        "    if age < -_CLOCKS_DIFFER or (max_age is not None and age > max_age):",
        "    if age < -_CLOCKS_DIFFER:",
        _CLI,
        "an attestation of any age",
    ),
    Mutant(
        f"{_ATTEST}/check.py",
        "    return set(found) == whole",
        "    return set(found) <= whole",
        _CLI,
        "verdicts that leave out a golden",
    ),
    Mutant(
        f"{_ATTEST}/report.py",
        "if self.passed and (self.compared == 0 or self.mismatches > 0 or self.problem is not None):",
        "if self.passed and self.mismatches > 0:",
        "tests/python/attest/test_report.py",
        "a report of nothing compared passes",
    ),
    Mutant(
        f"{_ATTEST}/report.py",
        "whole = bool(self.verdicts) and all(verdict.passed for verdict in self.verdicts)",
        "whole = all(verdict.passed for verdict in self.verdicts)",
        "tests/python/attest/test_report.py",
        "an engine without verdicts passes",
    ),
    Mutant(
        "python/torchferry/evidence/bom.py",
        "    if made is None:",
        "    if made is None and False:",
        _BOM,
        "a bill of materials with a time of its own",
    ),
    Mutant(
        "python/torchferry/evidence/libraries.py",
        '    if about["Version"] != version:',
        '    if not about["Version"]:',
        _BOM,
        "the licence of another version",
    ),
    Mutant(
        "python/torchferry/evidence/trial.py",
        "                damaged[len(damaged) // 2] ^= 0x10",
        "                damaged[len(damaged) // 2] ^= 0x00",
        _EVIDENCE,
        "a trial that damages nothing",
    ),
    Mutant(
        "python/torchferry/evidence/collect.py",
        "return Summary(words, passed and noticed == len(attempts))",
        "return Summary(words, noticed == len(attempts))",
        _EVIDENCE,
        "evidence of a failure is exit code 0",
    ),
    Mutant(
        f"{_FLEET}/store.py",
        "    if entry.report.manifest_sha256 != bundle:",
        "    if entry.report.name != entry.report.name:",
        _STORE,
        "a report about another bundle",
    ),
    Mutant(
        f"{_FLEET}/store.py",
        "    if (entry.sha256, entry.report.manifest_sha256) != (row.sha256, index.manifest_sha256):",
        "    if entry.report.manifest_sha256 != index.manifest_sha256:",
        _STORE,
        "a report that was changed in the store",
    ),
    Mutant(
        f"{_FLEET}/store.py",
        "        if row.sha256 == entry.sha256 and (row.label == entry.label or entry.finished is not None):",
        "        if row.sha256 == entry.sha256 and row.label == entry.label:",
        _STORE,
        "one attestation counts as two machines",
    ),
    Mutant(
        f"{_FLEET}/entry.py",
        "        if belief.required:",
        "        if belief.required and belief.keys is None:",
        _STORE,
        "a report without a signature among attested ones",
    ),
    Mutant(
        f"{_FLEET}/level.py",
        "            return verdict.other_kernels_ulp == 0",
        "            return True",
        _SUMMARY,
        "every bound is taken for equal bits",
    ),
    Mutant(
        f"{_FLEET}/gate.py",
        "    if not any(engine.engine in ran for engine in judged):",
        "    if not judged:",
        _SUMMARY,
        "a machine where nothing ran may go",
    ),
    Mutant(
        f"{_FLEET}/gate.py",
        "*contradictions(fleet.latest), *held_to_others(fleet.latest)]",
        "*held_to_others(fleet.latest)]",
        _SUMMARY,
        "a machine that computes otherwise than its like may go",
    ),
    Mutant(
        f"{_FLEET}/store.py",
        "        last = {entry.label: entry for entry in self.entries}",
        "        last = {entry.label: entry for entry in reversed(self.entries)}",
        _SUMMARY,
        "the first report of a machine instead of its last",
    ),
    Mutant(
        f"{_FLEET}/level.py",
        "for verdict in engine.verdicts if not _has_the_bits(verdict)), default=0.0)",
        "for verdict in engine.verdicts), default=0.0)",
        _SUMMARY,
        "answers with the golden's bits are shown as far from it",
    ),
    Mutant(
        f"{_FLEET}/level.py",
        "    shares = (kind_of(one.kind).share(float(one.max_abs), one.bound) for one in others)",
        "    shares = (float(one.max_abs) for one in others)",
        _SUMMARY,
        "a difference is shown as the share of its bound",
    ),
    Mutant(
        f"{_FLEET}/summary.py",
        "one.max_ulp, one.mismatches, one.worst) for one in first)",
        "one.max_ulp, one.mismatches) for one in first)",
        _SUMMARY,
        "other answers of a new runtime count as the same",
    ),
)
