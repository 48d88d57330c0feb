"""Regulation (EU) 2024/1689 (AI Act), Annex IV: the points of the technical documentation. Its text is not quoted."""

from __future__ import annotations

from torchferry.evidence.clause import ATTESTATIONS, BILL, CONTRACT, MANIFEST, REPORT, TRIAL, VERDICTS, Clause, Standard

AI_ACT = Standard(
    "EU AI Act, Annex IV",
    "Regulation (EU) 2024/1689, as published on 2024-07-12.",
    (
        Clause(
            "1(a)",
            "What is it for, who provides it, in which version?",
            (f"{MANIFEST}#name", f"{VERDICTS}#manifest_sha256", f"{MANIFEST}#metadata"),
            "the name, the digest that is its version, and what its maker wrote beside it",
            "the intended purpose, the provider, and how this version follows from earlier ones",
        ),
        Clause(
            "1(b)",
            "With which hardware and software does it work together?",
            (f"{CONTRACT}#inputs", f"{CONTRACT}#outputs"),
            "what it takes and gives",
            "the systems around it",
        ),
        Clause(
            "1(c)",
            "Which versions of software does it need?",
            (f"{MANIFEST}#artifacts", f"{BILL}#components"),
            "the requirements of each artifact, and the libraries that made it",
            "firmware, and the rules of updates",
        ),
        Clause(
            "1(d)",
            "In which forms is it put into service?",
            (f"{MANIFEST}#artifacts",),
            "every format with its files",
            "the product or service that has it inside",
        ),
        Clause(
            "1(e)",
            "Which hardware is it meant for?",
            (f"{MANIFEST}#artifacts", f"{VERDICTS}#machine"),
            "what an artifact requires of a machine, and the machine on which it was verified",
            "the hardware of your use",
        ),
        Clause(
            "1(f)", "How does the product around it look?", (), "nothing here: a model has no outside", "pictures and markings"
        ),
        Clause(
            "1(g)", "Which interface has its deployer?", (), "nothing here: a model has no interface for people", "that interface"
        ),
        Clause(
            "1(h)", "How is it used?", (f"{CONTRACT}#inputs",), "units and ranges of what it is fed", "the instructions for use"
        ),
        Clause(
            "2(a)",
            "By which methods and steps was it developed?",
            (f"{MANIFEST}#training.recipe", f"{MANIFEST}#training.versions", f"{MANIFEST}#artifacts"),
            "the recipe and its versions, and the steps from the trained model to each artifact",
            "pre-trained parts, tools of others, and how they were changed",
        ),
        Clause(
            "2(b)",
            "What was it designed to do, and why so?",
            (f"{CONTRACT}#outputs", f"{MANIFEST}#tolerances"),
            "what it classifies or computes, and how exact each output must be, with the reason",
            "design choices, assumptions and trade-offs",
        ),
        Clause(
            "2(c)",
            "How is it built, and what did the computing take?",
            (f"{BILL}#components", f"{MANIFEST}#training.epochs"),
            "its parts with their digests, and for how long it was trained",
            "the architecture of the system, and the computing resources",
        ),
        Clause(
            "2(d)",
            "Which data was used?",
            (f"{MANIFEST}#training.dataset", f"{BILL}#components"),
            "the data set by name, as far as the metadata say",
            "its datasheet: origin, selection, labelling, cleaning",
        ),
        Clause("2(e)", "How do people oversee it?", (), "nothing here: a folder does not oversee", "the assessment of oversight"),
        Clause(
            "2(f)", "Which changes were planned from the beginning?", (), "nothing here: a bundle never changes", "those changes"
        ),
        Clause(
            "2(g)",
            "How was it tested, with which data and figures; where are the dated and signed reports?",
            (f"{VERDICTS}#engines", f"{MANIFEST}#golden.cases", REPORT, ATTESTATIONS, TRIAL),
            "tests with their data, bounds and results, dated and signed by a key",
            "accuracy, robustness and bias in use; the person behind the key",
        ),
        Clause(
            "2(h)",
            "What was done for cybersecurity?",
            (f"{MANIFEST}#artifacts", ATTESTATIONS),
            "every file has a digest that is checked before it is read; signatures where you made them",
            "the security of the system around it",
        ),
        Clause(
            "3",
            "What can it do, and where are its limits?",
            (f"{MANIFEST}#tolerances", f"{MANIFEST}#training.metrics", f"{CONTRACT}#inputs"),
            "the accuracy of each output against float64, the figures of the training, and the inputs it is meant for",
            "limits for persons and groups, foreseeable harm, oversight",
        ),
        Clause(
            "4",
            "Why are these measures of performance appropriate?",
            (f"{MANIFEST}#tolerances",),
            "the reason of each bound",
            "why the measures fit the purpose",
        ),
        Clause("5", "How are risks managed?", (), "nothing here: no risk is assessed", "the risk management system"),
        Clause(
            "6",
            "What changed over its life?",
            (f"{VERDICTS}#manifest_sha256", ATTESTATIONS),
            "which one this is: a changed bundle has another digest, and each attestation is about one",
            "the log of changes",
        ),
        Clause("7", "Which harmonised standards are applied?", (), "nothing here: none is claimed", "the list"),
        Clause("8", "Where is the declaration of conformity?", (), "nothing here: nothing is declared", "the declaration"),
        Clause(
            "9", "How is it watched after the sale?", (), "nothing here: it ends with the delivery", "the plan and its system"
        ),
    ),
)
