"""Mutants of integrations/: what is pulled, what a card says, what MLflow loads."""

from __future__ import annotations

from mutants.mutant import Mutant

_ROOM = "python/torchferry/integrations"
_HUB = "tests/python/integrations/test_hub.py::"

ROWS = (
    Mutant(
        f"{_ROOM}/hub.py",
        "bundle = open_bundle(snapshot, trust=trust)",
        "bundle = open_bundle(snapshot)",
        f"{_HUB}test_a_bundle_that_nobody_signed_is_not_pulled_under_trust",
        "a bundle that nobody signed is pulled although a key was asked for",
    ),
    Mutant(
        f"{_ROOM}/hub.py",
        "    if repository is not None:",
        "    if repository is None:",
        f"{_HUB}test_a_dry_run_refuses_the_names_that_a_push_refuses",
        "a dry run accepts a name that push refuses",
    ),
    Mutant(
        f"{_ROOM}/card.py",
        'if mark in "|<>&`[]*"',
        'if mark in ""',
        f"{_HUB}test_texts_of_a_bundle_cannot_become_markup",
        "a text of a bundle is HTML on the page of the Hub",
    ),
)
