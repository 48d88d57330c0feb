"""Automotive SPICE PAM 4.0, process MLE.4, machine learning model testing: its base practices. Its text is not quoted."""

from __future__ import annotations

from torchferry.evidence.clause import ATTESTATIONS, BILL, CONTRACT, MANIFEST, REPORT, TRIAL, VERDICTS, Clause, Standard

SPICE = Standard(
    "Automotive SPICE 4.0, MLE.4",
    "Process assessment model 4.0 (2023): the base practices of MLE.4.",
    (
        Clause(
            "BP1",
            "Which approach is the model tested with?",
            (f"{MANIFEST}#golden.cases", f"{MANIFEST}#tolerances", f"{CONTRACT}#inputs"),
            "what is fed, what is expected of each output, and the bound that decides, with its reason",
            "test scenarios of your operating domain, and why they are enough for your requirements",
        ),
        Clause(
            "BP2",
            "Which data is it tested with?",
            (f"{MANIFEST}#golden.source", f"{MANIFEST}#golden.cases", f"{BILL}#components"),
            "every golden case with its origin and the digest of each of its files, and the data set by name",
            "how the test data was chosen, labelled and kept apart from the training's",
        ),
        Clause(
            "BP3",
            "Was the trained model tested?",
            (f"{MANIFEST}#training.metrics", f"{BILL}#metadata.component.modelCard", f"{MANIFEST}#golden.cases"),
            "the figures of the training, and the answers of the trained model in float64 and float32, as goldens",
            "a test of the trained model against your requirements on unseen data",
        ),
        Clause(
            "BP4",
            "How was the deployed model derived from the trained one?",
            (f"{MANIFEST}#artifacts", f"{BILL}#components"),
            "each artifact with its producer, requirements and digest, and where it ran before it was published",
            "the choice of the artifact for your target",
        ),
        Clause(
            "BP5",
            "Was the deployed model tested?",
            (f"{VERDICTS}#engines", f"{VERDICTS}#machine", REPORT, TRIAL),
            "each engine's answers held to their bounds, on which machine, and the proof that this check can fail",
            "the same on the target itself, in its environment",
        ),
        Clause(
            "BP6",
            "What belongs to what, and does it fit together?",
            (f"{VERDICTS}#manifest_sha256", f"{MANIFEST}#artifacts", ATTESTATIONS, f"{BILL}#metadata.component"),
            "digests tie model, goldens and verdicts together; run and commit where the bundle's metadata name them",
            "the links to your requirements on the model and on its data",
        ),
        Clause(
            "BP7",
            "How are the results summed up, and who was told?",
            (REPORT, ATTESTATIONS),
            "one page for people, signed statements for programs",
            "that it was sent, read and agreed",
        ),
    ),
)
