"""Completions for bash, zsh and fish. They start no program: what they offer is written into them."""

from __future__ import annotations

from collections.abc import Iterator

from torchferry.cli.manual.grammar import HELP, Grammar, Option, Verb

_HEAD = "# Completion of `{0}`; written by `python -m torchferry.cli.manual`."
_TOP = (*HELP, "--version")


def bash(grammar: Grammar) -> str:
    """Return a completion for bash 4 and later."""
    name = "_" + grammar.program.replace("-", "_")
    verbs = " ".join(verb.name for verb in grammar.verbs)
    by_value = [line for verb in grammar.verbs for line in _bash_values(verb)]
    by_verb = [f'    {verb.name}) words="{" ".join(_names(verb))}" ;;' for verb in grammar.verbs]
    return "\n".join(
        [
            _HEAD.format(grammar.program),
            f"{name}() {{",
            '  local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD - 1]}" verb="" words="" word',
            '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
            f'    case "$word" in {verbs.replace(" ", "|")}) verb="$word"; break ;; esac',
            "  done",
            "  COMPREPLY=()",
            '  case "$verb $previous" in',
            *by_value,
            "  esac",
            '  case "$verb" in',
            f'    "") words="{verbs} {" ".join(_TOP)}" ;;',
            *by_verb,
            "  esac",
            '  if [[ -z "$verb" || "$current" == -* ]]; then',
            '    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")',
            "  else",
            '    mapfile -t COMPREPLY < <(compgen -f -- "$current")',
            "  fi",
            "}",
            f"complete -o filenames -F {name} {grammar.program}",
            "",
        ]
    )


def _bash_values(verb: Verb) -> Iterator[str]:
    """Yield a case for each option that takes a value: its words, nothing for a number, else files."""
    for option in verb.options:
        if option.is_argument or not option.metavar:
            continue
        case = "|".join(f'"{verb.name} {name}"' for name in option.names)
        if option.values:
            yield f'''    {case}) mapfile -t COMPREPLY < <(compgen -W "{" ".join(option.values)}" -- "$current"); return ;;'''
        elif option.takes_a_number:
            yield f"    {case}) return ;;"
        else:
            yield f'    {case}) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;'


def zsh(grammar: Grammar) -> str:
    """Return a completion for zsh: a function of the folder `site-functions`."""
    lines = [f"#compdef {grammar.program}", _HEAD.format(grammar.program), "", "local -a verbs", "verbs=("]
    lines += [f"  {_zsh_quoted(f'{verb.name}:{verb.about}')}" for verb in grammar.verbs]
    lines += [")", "if (( CURRENT == 2 )); then", "  _describe -t verbs verb verbs"]
    lines += ["  _arguments '(-h --help)'{-h,--help}'[Show the help]' '--version[Show the version]'", "  return", "fi"]
    lines += ["local verb=$words[2]", "shift words", "(( CURRENT-- ))", 'case "$verb" in']
    for verb in grammar.verbs:
        lines += [f"  {verb.name})", "    _arguments -s \\"]
        lines += [f"      {_zsh_quoted(spec)} \\" for option in verb.options for spec in _zsh_specs(option)]
        lines += ["      '(-h --help)'{-h,--help}'[Show the help]'", "    ;;"]
    return "\n".join([*lines, "esac", ""])


def _zsh_specs(option: Option) -> Iterator[str]:
    if option.is_argument:
        yield f"{'*' if option.repeated else ''}:{_zsh_word(option.names[0])}:_files"
        return
    for name in option.names:
        value = ""
        if option.metavar:
            action = f"({' '.join(_zsh_word(word) for word in option.values)})" if option.values else "_files"
            value = f":{_zsh_word(option.metavar)}:{' ' if option.takes_a_number else action}"
        yield f"{'*' if option.repeated else ''}{name}[{_zsh_about(option.about)}]{value}"


def _zsh_about(text: str) -> str:
    return text.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")


def _zsh_word(text: str) -> str:
    return text.replace(":", "\\:").replace(";", "\\;")


def _zsh_quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def fish(grammar: Grammar) -> str:
    """Return a completion for fish 3 and later."""
    program, alone = grammar.program, "__fish_use_subcommand"
    lines = [_HEAD.format(program), f"complete -c {program} -n {alone} -f"]
    lines += [f"complete -c {program} -n {alone} -s h -l help -d 'Show the help'"]
    lines += [f"complete -c {program} -n {alone} -l version -d 'Show the version'"]
    for verb in grammar.verbs:
        lines.append(f"complete -c {program} -n {alone} -f -a {verb.name} -d {_fish_quoted(verb.about)}")
    for verb in grammar.verbs:
        lines += [
            f"complete -c {program} -n '__fish_seen_subcommand_from {verb.name}' {_fish_option(option)}"
            for option in verb.options
            if not option.is_argument
        ]
    return "\n".join([*lines, ""])


def _fish_option(option: Option) -> str:
    flags = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
    value = ""
    if option.metavar:
        offered = f"-x -a {_fish_quoted(' '.join(option.values))}" if option.values else "-r -F"
        value = " -x" if option.takes_a_number else f" {offered}"
    return f"{flags}{value} -d {_fish_quoted(option.about)}"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _names(verb: Verb) -> list[str]:
    return [name for option in verb.options if not option.is_argument for name in option.names] + list(HELP)
