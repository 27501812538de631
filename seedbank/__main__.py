"""``seedbank`` and ``python -m seedbank``: the one place where errors become sentences and exit codes."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click

INTERRUPTED = 130
STREAMS = {"stdin": "r", "stdout": "w", "stderr": "w"}
"""In the order of their numbers: a file that is opened while one is closed gets its number, and what libraries print."""
FULL = "Free some space, or name a folder on another disk for temporary files in TMPDIR."
REMEDIES = {
    errno.ENAMETOOLONG: (2, "Choose a shorter name."),
    errno.EACCES: (2, "Check the owner and the rights of the place, and of the folders above it."),
    errno.ELOOP: (2, "See where the links lead; seedbank follows no circle."),
    errno.ENOSPC: (1, FULL),
    errno.EDQUOT: (1, FULL),
    errno.EMFILE: (1, "Allow this process more of them: ulimit -n 1024"),
}
"""{what the system says of a file, wherever it is first asked for: (exit code, remedy)}: it is no bug and no traceback."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with the code of docs/design.md."""
    for name, mode in STREAMS.items():
        if getattr(sys, name) is None:  # closed by whoever called, as `seedbank ls >&-` does
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - stays open as long as the process
    # File names can hold bytes that are no text, and a terminal's encoding can lack characters: neither ends a command.
    errors = "surrogateescape" if sys.stdout.encoding.lower().replace("-", "") == "utf8" else "backslashreplace"
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors=errors)
    try:
        sys.exit(run(arguments))
    except KeyboardInterrupt:  # before there is anything that could have been done: the commands' own are met in `run`
        sys.exit(INTERRUPTED)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; the exit code."""
    import click

    from seedbank.cli import cli
    from seedbank.cli.printing import say
    from seedbank.errors import SeedbankError

    if "_SEEDBANK_COMPLETE" in os.environ:
        from seedbank.cli import completion

        completion.register()
    try:
        _check_text(sys.argv[1:] if arguments is None else arguments)
        result = cli.main(list(arguments) if arguments is not None else None, prog_name="seedbank", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except SeedbankError as error:
        say(f"seedbank: {error.message}", err=True)
        if error.hint:
            say(f"  {error.hint}", err=True)
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:  # `seedbank`, `seedbank db`
        say(error.format_message(), err=True)
        return error.exit_code
    except click.UsageError as error:
        message = error.format_message().replace("\n\t", " ")  # click lists what can be chosen in lines
        say(f"seedbank: {message}", err=True)
        asked = _command(sys.argv[1:] if arguments is None else arguments) if error.ctx is None else error.ctx.command_path
        if hint := _in_our_words(error):
            say(f"  {hint}", err=True)
        say(f"  See: {asked} --help", err=True)
        return error.exit_code
    except click.ClickException as error:
        say(f"seedbank: {error.format_message()}", err=True)
        return error.exit_code
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except SystemExit:
        return 0  # click's answer when the reader went away (`seedbank ls | head`)
    except (click.Abort, KeyboardInterrupt):
        say("seedbank: interrupted; everything that was reported is kept.", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader went away (`seedbank ls | head`): nothing to report, and nothing more may be written at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno not in REMEDIES:
            raise
        code, hint = REMEDIES[error.errno]
        name = "A file that the command needs" if error.filename is None else os.fsdecode(error.filename)
        say(f"seedbank: {name if len(name) <= 200 else f'{name[:80]}…'} cannot be used: {error.strerror}.", err=True)
        say(f"  {hint}", err=True)
        return code


def _command(arguments: Sequence[str]) -> str:
    """The command that was typed: of an option without its value, click does not say whose it is."""
    from seedbank.cli import COMMANDS

    return " ".join(["seedbank", *[word for word in arguments if word in COMMANDS][:1]])


def _in_our_words(error: click.UsageError) -> str:
    """What an option of another program is called here; nothing where the command has nothing like it."""
    import click

    from seedbank.cli.options import ELSEWHERE

    if not isinstance(error, click.NoSuchOption) or error.ctx is None:
        return ""
    has = {name for parameter in error.ctx.command.params for name in parameter.opts}
    option, how = ELSEWHERE.get(error.option_name, ("", ""))
    return how if option in has else ""


def _check_text(arguments: Sequence[str]) -> None:
    """Raises `BadInput` for bytes that are no text in this terminal's encoding."""
    from seedbank.errors import BadInput

    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise BadInput(f"The argument {argument!a} is not valid text.", "Check the terminal's encoding.") from None


if __name__ == "__main__":
    main()
