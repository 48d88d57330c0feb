"""Who says that these verdicts happened, where, and by which program? Statements of in-toto in envelopes of DSSE. No torch."""
