"""What a wrong command line is told, in the words of `ferry-run` (cpp/cli/command_line.cpp) and not in those of typer."""

from __future__ import annotations

import re
from typing import Any, get_type_hints

import typer
from typer.core import TyperCommand

from torchferry.bundle.printable import quoted
from torchferry.errors import ExitCode, FerryError
from torchferry.limits import MAX_INTEGER

_SEE_HELP = "; see `ferry --help`"


class Verb(TyperCommand):
    """A verb whose options are given once, and whose numbers are numbers."""

    def make_parser(self, ctx: Any) -> Any:
        """Return typer's parser with two more checks: by itself it lets the last of two values win. Raises FerryError(USAGE)."""
        parser = super().make_parser(ctx)
        split = parser.parse_args

        def parse_args(args: list[str]) -> Any:
            options, rest, order = split(args)
            single = [param for param in order if param.param_type_name == "option" and not param.multiple]
            for param in single:
                if single.count(param) > 1 and not getattr(param, "is_flag", False):
                    raise FerryError(ExitCode.USAGE, f"{_name_of(param)}: got it more than once, expected it once{_SEE_HELP}")
                if param.name in self._typed(int):
                    require_whole_number(_name_of(param), options[param.name])
                if param.name in self._typed(float):
                    require_number(_name_of(param), options[param.name])
            return options, rest, order

        parser.parse_args = parse_args  # type: ignore[method-assign]
        return parser

    def _typed(self, kind: type) -> set[str]:
        """Return the names of the parameters of that type."""
        return {name for name, hint in get_type_hints(self.callback).items() if hint in (kind, kind | None)}


def require_whole_number(option: str, text: str) -> int:
    """Read digits, perhaps with a minus sign, up to 2^53. Raises FerryError(USAGE)."""
    if not re.fullmatch("-?[0-9]+", text):
        raise FerryError(ExitCode.USAGE, f"{option}: got {quoted(text)}, expected a whole number")
    if len(text.lstrip("-0")) > len(str(MAX_INTEGER)) or abs(int(text)) > MAX_INTEGER:
        most = f"a whole number from -{MAX_INTEGER} to {MAX_INTEGER}"
        raise FerryError(ExitCode.USAGE, f"{option}: got {quoted(text)}, expected {most}")
    return int(text)


def require_number(option: str, text: str) -> float:
    """Read a decimal number, perhaps with an exponent. Raises FerryError(USAGE)."""
    if not re.fullmatch(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text):
        raise FerryError(ExitCode.USAGE, f"{option}: got {quoted(text)}, expected a number")
    return float(text)


def describe_usage(error: Any) -> str:
    """Return one line for a usage error of typer; told by the class's name, for typer's copy of click has no public one."""
    kind, message = type(error).__name__, error.format_message().rstrip(".")
    if kind == "NoSuchOption":
        return f"{error.option_name}: no such option{_SEE_HELP}"
    if kind == "BadOptionUsage":
        problem = "got a value, expected none" if "does not take" in message else "got no value, expected one"
        return f"{error.option_name}: {problem}{_SEE_HELP}"
    if kind == "MissingParameter":
        return f"{_name_of(error.param)} is missing{_SEE_HELP}"
    if isinstance(error, typer.BadParameter) and error.param is not None:
        return f"{_name_of(error.param)}: {error.message.rstrip('.')}{_SEE_HELP}"
    if verb := re.fullmatch("No such command '(.*)'", message, re.DOTALL):
        return f"{verb[1]}: no such verb{_SEE_HELP}"
    if words := re.fullmatch(r"Got unexpected extra argument(?:s|\(s\))? \((.*)\)", message, re.DOTALL):
        return f"{words[1]}: not expected here{_SEE_HELP}"
    return (message or "got no verb, expected one") + _SEE_HELP


def _name_of(param: Any) -> str:
    """Return the longest name of an option, or the word that stands for an argument in the help."""
    return str(max(param.opts, key=len) if param.param_type_name == "option" else param.metavar or param.name.upper())
