"""`seedbank completion`: the script that makes a shell complete commands, tags, models and query keys."""

from __future__ import annotations

import os
from typing import Any

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

from seedbank.cli.printing import data

BASH = """\
%(complete_func)s() {
    local line="${COMP_LINE:0:$COMP_POINT}" reply
    local word="${line##*[[:space:]]}"
    # bash cuts words at colons and replaces the last piece only.
    local cut=""
    [[ "$COMP_WORDBREAKS" == *:* && "$word" == *:* ]] && cut="${word%%:*}:"
    COMPREPLY=()
    while IFS= read -r reply; do
        [[ -n "$reply" ]] && COMPREPLY+=("${reply#"$cut"}")
    done < <(COMP_LINE="$line" %(complete_var)s=bash_complete "$1")
    [[ ${#COMPREPLY[@]} -eq 1 && "${COMPREPLY[0]}" == *: ]] && compopt -o nospace
    return 0
}
complete -o default -F %(complete_func)s %(prog_name)s
"""


class Negations(ShellComplete):
    """Completes ``-tag:po`` too: click takes every word with a dash for an option. Where nothing is known, names of files."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        found = super().get_completions(args, incomplete)
        if not found and not incomplete.startswith("-"):
            return [CompletionItem(incomplete, type="file")]
        if found or incomplete.startswith("--"):
            return found
        positive = super().get_completions(args, incomplete[1:])
        return [CompletionItem(f"-{item.value}", item.type, item.help) for item in positive if ":" in item.value]


class Zsh(Negations, ZshComplete):
    """click's completion for zsh, with negations."""


class Fish(Negations, FishComplete):
    """click's completion for fish, with negations."""


class Bash(Negations, BashComplete):
    """click's completion for bash, but for queries: words are cut at spaces only, so that ``tag:po`` is one.

    Where nothing is offered bash completes names of files by itself, so these are not sent.
    """

    source_template = BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ["COMP_LINE"]
        words = split_arg_string(line)
        incomplete = words.pop() if words and not line[-1].isspace() else ""
        return words[1:], incomplete

    def format_completion(self, item: Any) -> str:
        """What bash inserts, with spaces and quotation marks as the shell wants them."""
        if item.type in ("file", "dir"):
            return ""
        return "".join(f"\\{character}" if character in " \"'$`\\&;()<>|*?!" else character for character in item.value)

    def source(self) -> str:
        """The script. click's own asks for a newer bash than macOS has; this one needs none."""
        return self.source_template % self.source_vars()


def register() -> None:
    """Completion of the shells is that of the classes above."""
    for kind in (Bash, Zsh, Fish):
        add_completion_class(kind, kind.name)


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion_command(context: click.Context, shell: str) -> None:
    """Print the script that completes commands, tags, models and query keys in SHELL.

    \b
    eval "$(seedbank completion bash)"      in ~/.bashrc
    eval "$(seedbank completion zsh)"       in ~/.zshrc, after compinit
    seedbank completion fish | source       in ~/.config/fish/config.fish
    """
    register()
    kind = get_completion_class(shell)
    assert kind is not None
    data(kind(context.find_root().command, {}, "seedbank", "_SEEDBANK_COMPLETE").source())
