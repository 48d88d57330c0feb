"""What a program's parser knows: its verbs, and their arguments and options."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

import typer

from torchferry.cli import main
from torchferry.cli.manual.examples import predict_examples
from torchferry.formats import registry
from torchferry.samples.sink import FORMATS

HELP = ("-h", "--help")
ENGINES = {"ferry": [row.engine for row in registry.FORMATS]}
ENGINES["ferry-run"] = [row.engine for row in registry.FORMATS if not row.is_program]


@dataclass(frozen=True)
class Option:
    """An option, or an argument, whose one name has no dash. Without a metavar it takes no value."""

    names: tuple[str, ...]
    metavar: str
    about: str
    repeated: bool
    required: bool
    values: tuple[str, ...] = ()  # the words that it takes, where these are few

    @property
    def is_argument(self) -> bool:
        """Is it told by its place?"""
        return not self.names[0].startswith("-")

    @property
    def takes_a_number(self) -> bool:
        """Is its value a number?"""
        return self.metavar in ("K", "COUNT", "COUNTS", "NUMBER", "SECONDS", "MIB")


@dataclass(frozen=True)
class Verb:
    """What the program is told to do."""

    name: str
    about: str
    options: tuple[Option, ...]


@dataclass(frozen=True)
class Grammar:
    """A program's whole command line."""

    program: str
    about: str
    verbs: tuple[Verb, ...]

    @property
    def examples(self) -> list[str]:
        """Command lines of `predict`, one for each kind of input."""
        return predict_examples(self.program)


def of_ferry() -> Grammar:
    """Return the grammar of `ferry`, out of typer."""
    group: Any = typer.main.get_command(main.app)
    verbs = ((name, group.get_command(None, name)) for name in main.VERBS)
    return Grammar("ferry", group.help, tuple(Verb(name, _line(verb.help), _typer_options(verb)) for name, verb in verbs))


def of_ferry_run(program: Path) -> Grammar:
    """Return the grammar of `ferry-run`, which says it itself. Raises CalledProcessError."""
    done = subprocess.run([program, "--grammar"], capture_output=True, check=True)
    told = json.loads(done.stdout)
    verbs = (Verb(verb["name"], _line(verb["about"]), _told_options(verb["options"])) for verb in told["verbs"])
    return Grammar("ferry-run", _line(told["about"]).removeprefix("ferry-run: "), tuple(verbs))


def _typer_options(verb: Any) -> tuple[Option, ...]:
    kinds = get_type_hints(verb.callback)
    return tuple(
        Option(
            (*param.opts, *param.secondary_opts) if param.param_type_name == "option" else (_metavar(param, kinds),),
            "" if getattr(param, "is_flag", False) else _metavar(param, kinds),
            _line(getattr(param, "help", "") or ""),
            bool(getattr(param, "multiple", False)) or param.nargs == -1,
            bool(param.required),
            _values(param.opts[-1], ENGINES["ferry"]),
        )
        for param in verb.params
    )


def _metavar(param: Any, kinds: Mapping[str, Any]) -> str:
    """Return what stands for the value; `kinds` are the types of the verb's parameters."""
    if param.metavar or param.param_type_name == "argument":
        return str(param.metavar or param.name.upper())
    kind = kinds[param.name]
    known = {int: "COUNT", float: "NUMBER", Path: "FILE"}
    return next((name for one, name in known.items() if kind in (one, one | None, list[one], list[one] | None)), "TEXT")  # type: ignore[valid-type]


def _told_options(told: list[dict[str, Any]]) -> tuple[Option, ...]:
    return tuple(
        Option(
            tuple(one["names"]),
            one["metavar"],
            _line(one["about"]),
            one["repeated"],
            one["required"],
            _values(one["names"][-1], ENGINES["ferry-run"]),
        )
        for one in told
        if tuple(one["names"]) != HELP
    )


def _values(option: str, engines: Sequence[str]) -> tuple[str, ...]:
    """Return the words that an option takes, where these are few."""
    known = {
        "--format": FORMATS,
        "--header": ("auto", "yes", "no"),
        "--delimiter": (",", ";", "tab", "space"),
        "--device": ("cpu", "cuda:0"),
        "--engine": engines,
        "--require": ("python", "cpp", *engines),
    }
    return tuple(known.get(option, ()))


def _line(text: str) -> str:
    """Return the text as one line that ends with a full stop."""
    line = " ".join(text.split())
    return line if not line or line.endswith((".", "?")) else f"{line}."
