"""Regenerate: rebuild stored entries from the record alone, compare, and keep the evidence."""

from seedbank.regen.judge import Tolerance, judge
from seedbank.regen.service import Options, Outcome, exit_code, exit_code_of, regenerate

__all__ = ["Options", "Outcome", "Tolerance", "exit_code", "exit_code_of", "judge", "regenerate"]
