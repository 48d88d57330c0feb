"""stub"""
from typing import Any
def diff_two_bundles(*a: Any, **k: Any) -> int:
    return 0
