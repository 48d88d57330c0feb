"""Which file of the folder answers which question of a standard or a law, in plain words. It claims no certification.

Automotive SPICE PAM 4.0, MLE.4; ISO/PAS 8800:2024; Regulation (EU) 2024/1689 (AI Act), Annex IV. The texts themselves are not quoted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

ATTESTATIONS, BILL, CONTRACT, MANIFEST = "attestations", "bom.json", "contract.json", "manifest.json"
REPORT, TRIAL, VERDICTS = "report.html", "trial.md", "verdicts.json"


@dataclass(frozen=True)
class Clause:
    """One question, the files that answer a part of it, and what is left to its reader."""

    standard: str
    number: str
    question: str
    files: tuple[str, ...]
    answer: str
    rest: str


_SPICE, _ISO, _ACT = "Automotive SPICE 4.0, MLE.4", "ISO/PAS 8800:2024", "EU AI Act, Annex IV"

CLAUSES = (
    Clause(
        _SPICE,
        "BP1",
        "How is the model tested?",
        (CONTRACT, MANIFEST),
        "inputs, outputs, goldens, and for each output its bound with the reason",
        "why these tests are enough for your requirements",
    ),
    Clause(
        _SPICE,
        "BP2",
        "Which data is it tested with?",
        (MANIFEST, BILL),
        "every golden case with its origin and digest, and the data set by name",
        "how the data set was chosen, labelled and separated",
    ),
    Clause(
        _SPICE,
        "BP3",
        "Was the trained model tested?",
        (BILL, VERDICTS),
        "the figures of the training, and the answers of the trained model in float64 as goldens",
        "a test against your requirements on unseen data",
    ),
    Clause(
        _SPICE,
        "BP4",
        "Which model is deployed, and how does it follow from the trained one?",
        (MANIFEST, BILL),
        "each artifact with producer, digest, and where it ran before it was published",
        "the choice of the artifact for your target",
    ),
    Clause(
        _SPICE,
        "BP5",
        "Was the deployed model tested?",
        (VERDICTS, REPORT, TRIAL),
        "each engine's answers held to their bounds, and the proof that this check can fail",
        "the same on the target itself, in its environment",
    ),
    Clause(
        _SPICE,
        "BP6",
        "What belongs to what?",
        (MANIFEST, ATTESTATIONS, BILL),
        "digests tie model, goldens, verdicts, run and commit together, where the metadata name them",
        "the links to your requirements",
    ),
    Clause(
        _SPICE,
        "BP7",
        "Who was told the results?",
        (REPORT, ATTESTATIONS),
        "one page for people, signed statements for programs",
        "that it was sent, read and agreed",
    ),
    Clause(
        _ISO,
        "7",
        "How is the safety of the AI system managed over its life?",
        (),
        "nothing here",
        "plans, roles, and the confirmation that they were kept",
    ),
    Clause(
        _ISO,
        "8",
        "Which evidence can an assurance argument for the AI system use?",
        (VERDICTS, ATTESTATIONS, TRIAL),
        "evidence that the deployed model computes what the trained one does",
        "the argument itself",
    ),
    Clause(
        _ISO,
        "9",
        "Which safety requirements has the AI system?",
        (CONTRACT,),
        "ranges and units of the inputs that the model is meant for",
        "the requirements, and where they come from",
    ),
    Clause(
        _ISO,
        "10",
        "Which technologies and measures of architecture and development were chosen?",
        (MANIFEST, BILL),
        "formats, engines and libraries with their versions",
        "why they are fit for the purpose",
    ),
    Clause(
        _ISO,
        "11",
        "What is known of the data?",
        (BILL, MANIFEST),
        "the name of the data set and the digests of the goldens",
        "data requirements, collection, gaps and bias",
    ),
    Clause(
        _ISO,
        "12",
        "How was the AI system verified and validated?",
        (VERDICTS, REPORT, TRIAL),
        "verification of the step from the trained to the deployed model",
        "validation of the AI system in its use",
    ),
    Clause(_ISO, "13", "What did the safety analysis find?", (), "nothing here", "the whole analysis"),
    Clause(
        _ISO,
        "14",
        "Which measures hold during operation?",
        (CONTRACT,),
        "inputs outside the contract and outputs that are not finite are refused",
        "monitoring, updates and incidents",
    ),
    Clause(
        _ISO,
        "15",
        "Why may tools and frameworks be trusted?",
        (TRIAL, ATTESTATIONS, BILL),
        "the check was seen to fail, and its own digest and version are signed",
        "the qualification of tools that your process asks for",
    ),
    Clause(
        _ACT,
        "1",
        "What is the system, in which versions, for which hardware?",
        (CONTRACT, BILL, MANIFEST),
        "name, version, inputs and outputs, libraries, formats",
        "the intended purpose, the provider, and the instructions for use",
    ),
    Clause(
        _ACT,
        "2(a)-(c)",
        "How was it developed and built?",
        (MANIFEST, BILL),
        "recipe, seed, epochs, versions, and the steps from training to artifact",
        "design choices and computing resources",
    ),
    Clause(
        _ACT,
        "2(d)",
        "Which data was used?",
        (BILL,),
        "the data set by name, as far as the metadata say",
        "its datasheet: origin, selection, labelling, cleaning",
    ),
    Clause(_ACT, "2(e)-(f)", "How do people oversee it, and which changes are planned?", (), "nothing here", "the whole answer"),
    Clause(
        _ACT,
        "2(g)",
        "How was it tested, with which data and figures; where are the dated and signed reports?",
        (VERDICTS, REPORT, ATTESTATIONS, TRIAL),
        "tests with their bounds and results, dated and signed by a key",
        "accuracy, robustness and bias in use; the person behind the key",
    ),
    Clause(
        _ACT,
        "2(h)",
        "What was done for cybersecurity?",
        (MANIFEST, ATTESTATIONS),
        "every file has a digest that is checked before it is read; signatures where you made them",
        "the security of the system around it",
    ),
    Clause(
        _ACT,
        "3",
        "What are its capabilities and limits?",
        (BILL, VERDICTS),
        "the limits of accuracy of each output, with reasons, and the figures of the training",
        "limits for persons and groups, foreseeable harm",
    ),
    Clause(
        _ACT,
        "4",
        "Why are these figures of performance appropriate?",
        (MANIFEST,),
        "the reason of each bound",
        "why the figures fit the purpose",
    ),
    Clause(_ACT, "5", "How are risks managed?", (), "nothing here", "the risk management system"),
    Clause(
        _ACT,
        "6",
        "What changed over its life?",
        (MANIFEST, ATTESTATIONS),
        "another bundle has another digest; each attestation is about one",
        "the log of changes",
    ),
    Clause(_ACT, "7-9", "Standards, declaration of conformity, watch after the sale?", (), "nothing here", "all three"),
)


def clauses_md(name: str, present: Sequence[str]) -> str:
    """Return the map as Markdown; `present`: the files and folders of this evidence."""
    return "\n".join(_lines(name, present)) + "\n"


def _lines(name: str, present: Sequence[str]) -> Iterator[str]:
    yield f"# {name}: which file answers what"
    yield ""
    yield "A map for a reader, no certificate: nobody has assessed it, and each row says what is left to you."
    for standard in dict.fromkeys(clause.standard for clause in CLAUSES):
        yield from (
            "",
            f"## {standard}",
            "",
            "| | question | here | what it shows | what is left to you |",
            "|---|---|---|---|---|",
        )
        for clause in CLAUSES:
            if clause.standard == standard:
                files = ", ".join(f"[{file}]({file})" for file in clause.files if file in present) or "none"
                missing = "".join(f"; {file} was not given" for file in clause.files if file not in present)
                yield f"| {clause.number} | {clause.question} | {files} | {clause.answer}{missing} | {clause.rest} |"
