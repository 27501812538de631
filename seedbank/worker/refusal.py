"""What the worker says when it cannot do what it was asked."""

from __future__ import annotations

BLOCKED = "blocked"
"""Could not be tried: no such device, missing files, not supported."""
FAILED = "failed"
"""It ran and broke."""
BAD_INPUT = "bad-input"
"""The request makes no sense as it stands."""
MISSING = "missing"
"""torch or diffusers is not installed in this interpreter."""


class Refusal(Exception):
    """A request that is answered by `kind`, a sentence and a remedy instead of a result."""

    def __init__(self, kind: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.hint = hint
