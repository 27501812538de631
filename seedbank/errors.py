"""One error hierarchy, printed in one place.

A message says what is, in the user's words, with the id of the thing; the hint is the remedy, best a command to copy.
Anything that is not a `SeedbankError` is a bug and keeps its traceback.
"""

from __future__ import annotations


class SeedbankError(Exception):
    """Something that the user can understand and mend.

    `exit_code` is what the command line ends with, `http_status` what the web service answers.
    """

    exit_code = 1
    http_status = 500

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        between = "\n" if "\n" in self.message else " "  # behind a place in a query, a line of its own
        return f"{self.message}{between}{self.hint}".strip()


class BadInput(SeedbankError):
    """The request makes no sense as it stands: a wrong option, value, query or file."""

    exit_code = 2
    http_status = 400


class NotFound(SeedbankError):
    """No such entry, collection, run or model in this bank."""

    exit_code = 4
    http_status = 404


class NoBank(SeedbankError):
    """There is no bank at the place that was named."""

    exit_code = 10
    http_status = 404


class OtherSchema(SeedbankError):
    """The bank was written by an older or a newer seedbank."""

    exit_code = 11
    http_status = 409


class MissingEngine(SeedbankError):
    """A part of the installation is missing: torch, diffusers or an extra."""

    exit_code = 12
    http_status = 501


class Blocked(SeedbankError):
    """Rendering could not be tried: other or missing weights, a missing input, no such device, something unsupported."""

    exit_code = 1
    http_status = 409


class RenderFailed(SeedbankError):
    """Rendering was tried and broke."""

    exit_code = 1
    http_status = 500


class StorageError(SeedbankError):
    """The database or the image store refused to read or write: disk full, damage, no access."""

    exit_code = 1
    http_status = 507
