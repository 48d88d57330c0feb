"""Which of the suite's tests take too long for every run."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """AOTInductor takes half a minute a model: in `make test-slow`."""
    for item in items:
        if HERE not in item.path.parents:
            continue  # the hook is given the items of every folder
        params = item.callspec.params if hasattr(item, "callspec") else {}
        subject = params.get("subject")
        if subject is not None and subject.engine == "aoti":
            item.add_marker("slow")
