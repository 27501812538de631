"""Arithmetic as nodes of ComfyUI write it (`a * 2 + 8`), evaluated without `eval` and within bounds."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

MAX_CHARACTERS = 500
MAX_VALUE = 2.0**64
MAX_POWER = 64
MAX_DIGITS = 20


def _power(base: float, exponent: float) -> float:
    if abs(exponent) > MAX_POWER or (base < 0 and int(exponent) != exponent):
        raise ArithmeticError
    value: float = base**exponent
    return value


def _round(number: float, digits: int | None = None) -> float:
    if digits is not None and abs(digits) > MAX_DIGITS:  # `round` raises 10 to that power
        raise ArithmeticError
    return round(number, digits)


_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
}
_UNARY: Mapping[type[ast.unaryop], Callable[[Any], Any]] = {ast.USub: operator.neg, ast.UAdd: operator.pos}
_COMPARED: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "pow": _power,
    "round": _round,
    **{function.__name__: function for function in (abs, math.ceil, math.floor, int, float, max, min, math.sqrt)},
}


def evaluate(expression: str, variables: Mapping[str, float]) -> float | int | None:
    """The value of an arithmetic expression; None where it is none, is too long, or leaves the range of 64 bits.

    A variable can be `a.width`. Comparisons are 1 or 0. `$round(a)` is `round(a)`, as JSONata writes it.
    """
    if len(expression) > MAX_CHARACTERS:
        return None
    try:
        value = _value(ast.parse(expression.replace("$", "").strip(), mode="eval").body, variables)
    except (ArithmeticError, LookupError, MemoryError, RecursionError, SyntaxError, TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def _value(node: ast.expr, variables: Mapping[str, float]) -> Any:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            value: Any = number
        case ast.Name(id=name):
            value = variables[name]
        case ast.Attribute(value=ast.Name(id=name), attr=part):
            value = variables[f"{name}.{part}"]
        case ast.BinOp(left=left, op=op, right=right):
            value = _BINARY[type(op)](_value(left, variables), _value(right, variables))
        case ast.UnaryOp(op=sign, operand=operand):
            value = _UNARY[type(sign)](_value(operand, variables))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            value = int(_COMPARED[type(op)](_value(left, variables), _value(right, variables)))
        case ast.IfExp(test=test, body=body, orelse=orelse):
            value = _value(body if _value(test, variables) else orelse, variables)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            value = _FUNCTIONS[name](*(_value(argument, variables) for argument in args))
        case _:
            raise ValueError("not arithmetic")
    if abs(value) > MAX_VALUE:
        raise OverflowError
    return value
