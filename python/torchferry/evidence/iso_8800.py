"""ISO/PAS 8800:2024, road vehicles, safety and artificial intelligence: its clauses with requirements, 5 to 15. Its text is not quoted."""

from __future__ import annotations

from torchferry.evidence.clause import ATTESTATIONS, BILL, CONTRACT, MANIFEST, REPORT, TRIAL, VERDICTS, Clause, Standard

ISO_8800 = Standard(
    "ISO/PAS 8800:2024",
    "First edition (2024-12). Clauses 1 to 4 are scope, references, terms and abbreviations.",
    (
        Clause(
            "5",
            "Which requirements were tailored or not kept, and why?",
            (),
            "nothing here: that is a decision about your project",
            "the rationale of every requirement that you leave out",
        ),
        Clause(
            "6",
            "Which part of the vehicle's system is this, and which faults can it have?",
            (f"{CONTRACT}#inputs", f"{CONTRACT}#outputs", f"{MANIFEST}#artifacts"),
            "the boundary of the model, which is one AI component: what goes in, what comes out, in which forms it runs",
            "the AI system and the item around it; causes, faults and their effects",
        ),
        Clause(
            "7",
            "How is the safety of the AI system managed over its life?",
            (),
            "nothing here: roles and plans stand in no bundle",
            "plans, roles, the life cycle, and the confirmation that they were kept",
        ),
        Clause(
            "8",
            "Which evidence can an assurance argument for the AI system use?",
            (f"{VERDICTS}#engines", ATTESTATIONS, TRIAL),
            "evidence for one claim: the deployed model computes what the trained one does, within named bounds",
            "the argument, its other claims, and how far this evidence carries them",
        ),
        Clause(
            "9",
            "Which safety requirements has the AI system?",
            (f"{CONTRACT}#inputs", f"{MANIFEST}#tolerances"),
            "ranges and units of the inputs that the model is meant for, and how far an output may be off",
            "the safety requirements, where they come from, and whether these limits meet them",
        ),
        Clause(
            "10",
            "Which AI technologies, measures of architecture and of development were chosen?",
            (f"{MANIFEST}#artifacts", f"{MANIFEST}#training.versions", f"{BILL}#components"),
            "formats, engines and libraries with their versions",
            "why they are fit for the purpose, and what stands beside the model to watch it",
        ),
        Clause(
            "11",
            "What is known of the data sets and their life?",
            (f"{BILL}#components", f"{MANIFEST}#training.dataset", f"{MANIFEST}#golden.description"),
            "the name of the data set, the origin of the goldens, and their digests",
            "requirements on the data, its collection, gaps, bias and upkeep",
        ),
        Clause(
            "12",
            "How was the AI system verified and validated?",
            (f"{VERDICTS}#engines", f"{VERDICTS}#passed", REPORT, TRIAL),
            "verification of one step: from the trained model to the deployed one",
            "verification of the model itself, and validation of the AI system in its use",
        ),
        Clause(
            "13",
            "What did the safety analysis find?",
            (),
            "nothing here: no analysis of hazards is made",
            "the whole analysis",
        ),
        Clause(
            "14",
            "Which measures hold during operation?",
            (f"{CONTRACT}#inputs", f"{CONTRACT}#outputs"),
            "what is refused while it runs: inputs outside the contract, and outputs that are not finite",
            "monitoring in the field, updates and incidents",
        ),
        Clause(
            "15",
            "Why may frameworks and tools of the development be trusted?",
            (TRIAL, ATTESTATIONS, f"{BILL}#components"),
            "the check was seen to fail, its digest and version are signed, and the frameworks have versions",
            "the qualification of tools that your process asks for",
        ),
    ),
)
