"""`ferry`: the verbs, and the one place where errors become one line and an exit code."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from torchferry.bundle.printable import printable
from torchferry.errors import ExitCode, FerryError
from torchferry.version import VERSION

# UsageError and its base; typer carries its own copy of click, so that they have no public name in every version.
_UsageError, _ClickException = typer.BadParameter.__mro__[1:3]
_INTERRUPTED = 130

# In the order of the flow; the file and the function of a verb have its name.
VERBS = (
    "train",
    "export",
    "pack",
    "key",
    "sign",
    "inspect",
    "predict",
    "verify",
    "bench",
    "diff",
    "report",
    "trace",
    "course",
    "demo",
)


class _Verbs(TyperGroup):
    """The verbs, each imported when it is asked for: `ferry inspect` waits for no other verb's libraries."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the verbs."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command of a verb; None for a name that is no verb."""
        del ctx
        if cmd_name not in VERBS:
            return None
        one = typer.Typer(add_completion=False)
        one.command(cmd_name)(getattr(import_module(f"torchferry.cli.{cmd_name}"), cmd_name))
        return typer.main.get_command(one)


app = typer.Typer(
    name="ferry",
    cls=_Verbs,
    help="Carry a PyTorch model from Python to C++ and to the edge, and prove that nothing was lost on the way.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"ferry {VERSION}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options that stand before the verb."""


def main() -> None:
    """The entry point: run a verb and exit."""
    _keep_standard_descriptors()
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run a verb and give its exit code; an error is one line on stderr."""
    try:
        _require_stdout()
        result = app(arguments, prog_name="ferry", standalone_mode=False)
        sys.stdout.flush()
        return int(result or 0)
    except BaseException as error:
        code, message = _describe(error)
    if message:
        print(f"error: {_one_line(message)}", file=sys.stderr)
    if code == ExitCode.IO:
        _detach_stdout()
    return code


def _keep_standard_descriptors() -> None:
    """A file that is opened later must not take the place of a closed stdin, stdout or stderr: these fail as before."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDONLY if descriptor else os.O_WRONLY)
    if sys.stdin is None:
        sys.stdin = os.fdopen(0, closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")  # what nobody can see is said to nobody


def _require_stdout() -> None:
    """Without descriptor 1 Python prints nothing and says nothing."""
    if sys.stdout is None:
        raise FerryError(ExitCode.IO, "stdout: got a closed descriptor, expected a place to write; use > /dev/null")


def _one_line(message: str) -> str:
    """Printable characters only: names out of a hostile bundle cannot reach the terminal as control sequences."""
    text = " ".join(message.split())
    return printable(text)


def _describe(error: BaseException) -> tuple[int, str]:
    if isinstance(error, SystemExit) and isinstance(error.__context__, OSError):
        error = error.__context__  # click answers a closed pipe with exit code 1, which is that of a mismatch
    if isinstance(error, FerryError):
        return error.code, str(error)
    if isinstance(error, _UsageError):
        problem = error.format_message().rstrip(".") or "got no verb, expected one"  # type: ignore[attr-defined]
        return ExitCode.USAGE, f"{problem}; see `ferry --help`"
    if isinstance(error, _ClickException):
        return ExitCode.USAGE, error.format_message()  # type: ignore[attr-defined]
    if isinstance(error, SystemExit | typer.Exit):
        code = error.code if isinstance(error, SystemExit) else error.exit_code
        return (code if isinstance(code, int) else 0), ""
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return _INTERRUPTED, "interrupted"
    if isinstance(error, OSError):
        return ExitCode.IO, f"{error.filename or 'output'}: got {error.strerror or error}, expected to read or write it"
    if isinstance(error, MemoryError):
        return ExitCode.IO, "memory: got too little, expected more; use a smaller --batch"
    return ExitCode.INTERNAL, f"internal: {type(error).__name__}: {error}; please report this with the command you ran"


def _detach_stdout() -> None:
    """Keep the interpreter from failing once more at exit, when it flushes a stdout that is closed or full."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
