"""`mcd completion`: the script that makes a shell complete commands, flags and names of Apps. It changes no file."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Shell(StrEnum):
    """The shells that Typer knows."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(shell: Annotated[Shell, typer.Argument(help="Your shell.")]) -> None:
    """Print the completion script for a shell.

    Example: mcd completion bash > ~/.local/share/bash-completion/completions/mcd
    """
    from typer._completion_shared import get_completion_script

    typer.echo(get_completion_script(prog_name="mcd", complete_var="_MCD_COMPLETE", shell=shell.value))
