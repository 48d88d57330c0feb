"""`ferry`: the verbs, and the one place where errors become one line and an exit code."""

from __future__ import annotations

import contextlib
import gc
import os
import re
import signal
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from torchferry.bundle.printable import printable
from torchferry.cli.command_line import Verb, describe_usage
from torchferry.cli.manual.examples import predict_examples
from torchferry.errors import ExitCode, FerryError
from torchferry.extras import missing_package
from torchferry.version import VERSION

# UsageError and its base; typer carries its own copy of click, so that they have no public name in every version.
_UsageError, _ClickException = typer.BadParameter.__mro__[1:3]
_INTERRUPTED = 130
_NO_ROOM = re.compile("failed to map segment|[Cc]annot allocate memory|cannot create shared object")  # of the loader of libraries

# The verbs whose missing packages another extra than the smallest brings: all of what they need.
_EXTRA_OF_VERB = {"train": "course", "trace": "course", "course": "course", "demo": "course"}

# The verbs for which NumPy multiplies no matrices: OpenBLAS need not start a thread for each processor where it is loaded.
_QUICK = {"inspect", "predict"}
_BLAS_THREADS = "OPENBLAS_NUM_THREADS"

# In the order of the flow; the file and the function of a verb have its name.
VERBS = (
    "train",
    "export",
    "pack",
    "key",
    "sign",
    "push",
    "pull",
    "inspect",
    "predict",
    "score",
    "serve",
    "repository",
    "verify",
    "attest",
    "bom",
    "evidence",
    "fleet",
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
        with _one_blas_thread() if cmd_name in _QUICK else contextlib.nullcontext():
            found = getattr(import_module(f"torchferry.cli.{cmd_name}"), cmd_name)
        if not gc.isenabled():  # programs.ferry; at exit too, nobody looks again at what is imported by now
            gc.freeze()
            gc.enable()
        if isinstance(found, typer.Typer):  # a verb that has verbs of its own
            return typer.main.get_command(found)
        one = typer.Typer(add_completion=False)
        epilog = "\n\n".join(["Examples:", *predict_examples("ferry")]) if cmd_name == "predict" else None
        one.command(cmd_name, cls=Verb, epilog=epilog)(found)
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
    """Take the options that stand before the verb."""


@contextlib.contextmanager
def _one_blas_thread() -> Iterator[None]:
    """Let NumPy's OpenBLAS be loaded with one thread, unless the user asks for others; child processes do not hear of it."""
    if _BLAS_THREADS in os.environ:
        yield
        return
    os.environ[_BLAS_THREADS] = "1"
    try:
        yield
    finally:
        del os.environ[_BLAS_THREADS]


def main() -> None:
    """Run the verb on the command line, and exit with its code."""
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"  # no foreign code in a reader; to look for it takes every verb 10 ms
    _keep_standard_descriptors()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup ignores SIGHUP
            signal.signal(number, _end)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # a shell's background job has it ignored
        signal.signal(signal.SIGINT, _Interrupts.take)
    try:
        sys.exit(run(sys.argv[1:]))
    except _Ended as ended:
        signal.signal(ended.number, signal.SIG_DFL)
        os.kill(os.getpid(), ended.number)


class _Interrupts:
    """Whether Ctrl-C came: where it breaks the import of a library, another error arrives in the place of KeyboardInterrupt."""

    came = False

    @classmethod
    def take(cls, number: int, frame: object) -> None:
        """Remember that Ctrl-C came, and raise KeyboardInterrupt."""
        del number, frame
        cls.came = True
        raise KeyboardInterrupt


class _Ended(BaseException):
    """A signal that ends the program, once temporary files are removed."""

    def __init__(self, number: int) -> None:
        self.number = number


def _end(number: int, frame: object) -> None:
    del frame
    raise _Ended(number)


def run(arguments: list[str]) -> int:
    """Run a verb and return its exit code. An error becomes one line on stderr."""
    try:
        _require_stdout()
        result = app(arguments, prog_name="ferry", standalone_mode=False)
        sys.stdout.flush()
        return int(result or 0)
    except _Ended:
        raise
    except BaseException as error:
        code, message = _describe(error, next((word for word in arguments if word in VERBS), ""))
    if message:
        _say_error(_one_line(message))
    if code == ExitCode.IO:
        _detach_stdout()
    return code


def _say_error(line: str) -> None:
    """Write the line to stderr. Where nobody reads that, the exit code says it alone."""
    try:
        print(f"error: {line}", file=sys.stderr, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # the interpreter flushes it once more at exit


def _keep_standard_descriptors() -> None:
    """Fill closed descriptors, so that no file opened later takes the place of stdin, stdout or stderr. They fail as before."""
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
    """Refuse a closed stdout: Python would print nothing and say nothing. Raises FerryError(IO)."""
    if sys.stdout is None:
        raise FerryError(ExitCode.IO, "stdout: got a closed descriptor, expected a place to write; use > /dev/null")


def _one_line(message: str) -> str:
    """Return printable characters only: names out of a hostile bundle cannot reach the terminal as control sequences."""
    lines = (line.strip() for line in message.split("\n"))
    return printable(" ".join(line for line in lines if line))


def _describe(error: BaseException, verb: str) -> tuple[int, str]:
    """Return the exit code and the line of what ended `verb`; "" for the program without one."""
    if _Interrupts.came or isinstance(error, KeyboardInterrupt | typer.Abort):
        return _INTERRUPTED, "interrupted"
    if isinstance(error, SystemExit) and isinstance(error.__context__, OSError):
        error = error.__context__  # click answers a closed pipe with exit code 1, which is that of a mismatch
    if isinstance(error, FerryError):
        return error.code, str(error)
    if isinstance(error, ModuleNotFoundError) and (missing := missing_package(error, _EXTRA_OF_VERB.get(verb))):
        return missing.code, f"{f'ferry {verb}'.strip()}: {missing}"
    if isinstance(error, _UsageError):
        return ExitCode.USAGE, describe_usage(error)
    if isinstance(error, _ClickException):
        return ExitCode.USAGE, error.format_message()  # type: ignore[attr-defined]
    if isinstance(error, SystemExit | typer.Exit):
        code = error.code if isinstance(error, SystemExit) else error.exit_code
        return (code if isinstance(code, int) else 0), ""
    if isinstance(error, OSError):
        return ExitCode.IO, f"{error.filename or 'output'}: got {error.strerror or error}, expected to read or write it"
    if isinstance(error, MemoryError) or (isinstance(error, ImportError) and _NO_ROOM.search(str(error))):
        return ExitCode.IO, "not enough memory; try a smaller --batch"
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
