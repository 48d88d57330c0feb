"""What a refusal advises, in the words of who called: `ferry export` has options, `torchferry.export` has keyword arguments."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from torchferry.errors import FerryError

_P = ParamSpec("_P")
_R = TypeVar("_R")

# An option of `ferry export` -> the argument of `torchferry.export`; of `to=`, the value follows.
_ARGUMENTS = {
    "--force": "force=True",
    "--separate-weights": "separate_weights=True",
    "--no-stress": "stress=False",
    "--max-bytes": "max_bytes",
    "--max-ram": "max_ram",
    "--out": "out",
    "--seed": "seed",
    "--name": "name",
    "--golden FILE": "golden",
    "--input NAME=...": 'inputs={"NAME": ...}',
    "--output NAME": 'outputs=["NAME"]',
    "--quantize ": "quantize=",
    "--quantize": "quantize",
    "--io ": "io=",
    "--io": "io",
    "--to ": "to=",
    "--to": "to",
}
_OPTION = re.compile("|".join(rf"{re.escape(option)}(?![\w-])" if option[-1] != " " else option for option in _ARGUMENTS))


def as_keywords(text: str) -> str:
    """Return a line of `ferry export` with its options as arguments of `torchferry.export`."""
    return _OPTION.sub(lambda match: _ARGUMENTS[match[0]], text)


def refusing_in_keywords(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Return the function with refusals that name arguments; `inspect.unwrap` of it names options.

    What it returns does what the function does. Raises FerryError with the same code, then, and nothing itself.
    """

    @functools.wraps(function)
    def call(*arguments: _P.args, **options: _P.kwargs) -> _R:
        try:
            return function(*arguments, **options)
        except FerryError as error:
            if (text := as_keywords(str(error))) == str(error):
                raise
            raise FerryError(error.code, text) from None

    return call
