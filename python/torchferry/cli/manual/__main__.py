"""`python -m torchferry.cli.manual FOLDER`: write the man pages and completions of both programs; `make manual` does it for share/."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from torchferry.cli.manual.completion import bash, fish, zsh
from torchferry.cli.manual.grammar import of_ferry, of_ferry_run
from torchferry.cli.manual.man import man_page
from torchferry.installed import own_ferry_run


def pages(ferry_run: Path) -> Mapping[str, str]:
    """Return the text of each file by its path below a folder `share`."""
    found = {}
    for grammar in (of_ferry(), of_ferry_run(ferry_run)):
        found[f"man/man1/{grammar.program}.1"] = man_page(grammar)
        found[f"bash-completion/completions/{grammar.program}"] = bash(grammar)
        found[f"zsh/site-functions/_{grammar.program}"] = zsh(grammar)
        found[f"fish/vendor_completions.d/{grammar.program}.fish"] = fish(grammar)
    return found


def main(folder: Path) -> None:
    """Write every file, below `folder`."""
    program = own_ferry_run()
    if program is None:
        raise SystemExit("error: ferry-run: got none, expected the one of this checkout; run `make build`")
    for path, text in pages(program).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
