"""``mesh completion``: a script that completes ``mesh`` in a shell, and never starts Python for it."""

from __future__ import annotations

import argparse

from platform_core.cli.exit_status import OK
from platform_core.cli.grammar import VERBS, one_of, parser_of

SCRIPT = """\
_mesh() {
  local word=${COMP_WORDS[COMP_CWORD]} home=${MESH_ROOT:-$PWD} names words
  while [[ $home && ! -e $home/workspace.yaml ]]; do home=${home%/*}; done
  home=${MESH_HOME:-$home/.mesh}
  [[ -r $home/products.txt ]] && names=$(<"$home/products.txt")
  case ${COMP_WORDS[COMP_CWORD - 1]}:${COMP_WORDS[1]} in
    mesh:* | */mesh:* | help:*) words="VERBS" ;;
CASES
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _mesh mesh
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    shells = one_of("SHELL", ("bash", "zsh"))
    parser.add_argument(
        "shell", type=shells, metavar="SHELL", help='bash or zsh: eval "$(mesh completion bash)"'
    )


def run(options: argparse.Namespace) -> int:
    cases = [f"    --format:{name}) words='{' '.join(verb.formats)}' ;;" for name, verb in VERBS.items()]
    for name in VERBS:
        known = [
            word
            for action in parser_of(name)._actions
            for word in action.option_strings
            if action.help != argparse.SUPPRESS
        ]
        cases.append(f'    *:{name}) words="{" ".join(known)} $names" ;;')
    if options.shell == "zsh":
        print("autoload -Uz compinit bashcompinit && compinit && bashcompinit")
    print(SCRIPT.replace("VERBS", f"help {' '.join(VERBS)}").replace("CASES", "\n".join(cases)), end="")
    return OK
