"""Nodes that compute a number, and nodes that make a size of one setting.

Each follows the source of its pack: essentials, Easy-Use, KJNodes, Comfyroll, Derfuu, ComfyMath, comfyui-various, WAS,
LayerStyle, Custom-Scripts, ControlAltAI, WLSH, ComfyUI's own `nodes_math.py` and `nodes_resolution.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from seedbank.formats.comfyui.arithmetic import evaluate
from seedbank.formats.comfyui.graph import Node
from seedbank.formats.comfyui.scalars import as_integer, as_number, size_for

Operand = Callable[[str], float | None]
"""The number that an input of the node has; `a.width` is a side of the picture that it is given."""

_FORMULAS: Mapping[str, str] = {
    "CR Clamp Value": "max(range_min, min(a, range_max))",
    "CR Integer Multiple": "integer * multiple",
    "DF_Absolute_value": "abs(Value)",
    "DF_Ceil": "ceil(Value)",
    "DF_Divide": "Numerator / Denominator",
    "DF_Floor": "floor(Value)",
    "DF_Power": "Value ** Exponent",
    "SimpleMathSlider+": "min + value * (max - min)",
    "SimpleMathSliderLowRes+": "min + 0.1 * value * (max - min)",
}
"""What these nodes compute of their inputs."""

_SETTINGS = ("expression", "operation", "op", "operator")
_OPERATIONS: Mapping[str, str] = {
    word: formula
    for formula, words in {
        "{} + {}": "+ add sum addition",
        "{} - {}": "- subtract sub subtraction",
        "{} * {}": "* multiply mul multiplication",
        "{} / {}": "/ divide div division",
        "{} // {}": "// floor_division",
        "{} % {}": "% mod modulo modulus",
        "{} ** {}": "** pow power exponentiation",
        "min({}, {})": "min minimum",
        "max({}, {})": "max maximum",
    }.items()
    for word in words.split()
}
_OPERATION_IN_NAME = re.compile(
    r"(?:^|[\s_]|(?<=[a-z]))(Add|Sum|Sub|Subtract|Mul|Multiply|Div|Divide|Min|Max)(?:[\s_]?(?:Int|Integer|Float|Node))?$"
)
_PREFIXES = re.compile(r"^(values\.|variables\.|number_)")
_SIMPLE = re.compile(r"^(SimpleMath|easy simpleMath)")
_LONGEST_NAME = 3
"""Characters of a variable in an expression: `a`, `a1`, `aa`."""


def computes(node: Node) -> bool:
    """Whether a node gives what it computes, so that none of its inputs is its value."""
    return node.kind in _FORMULAS or _expression(node, 0) is not None or _named(node) is not None


def computed(node: Node, slot: int, operand: Operand) -> float | None:
    """What the node gives at an output; None where an input of it is not known."""
    expression = _FORMULAS.get(node.kind) or _expression(node, slot)
    if expression is None or expression.lower().replace(" ", "_") in _OPERATIONS:
        return _operation(node, expression or _named(node) or "", operand)
    variables: dict[str, float] = {}
    for name in node.inputs:
        short = _PREFIXES.sub("", name)
        if node.kind not in _FORMULAS and len(short) > _LONGEST_NAME:
            continue
        for variable in (short, f"{short}.width", f"{short}.height"):
            if variable in expression and (number := operand(variable.replace(short, name, 1))) is not None:
                variables[variable] = number
    return evaluate(expression, variables)


def whole(node: Node, value: float) -> int:
    """The value as the node gives it at an output for whole numbers."""
    if _SIMPLE.match(node.kind) or node.inputs.get("mode") == "round":
        return round(value)
    return -int(-value // 1) if node.inputs.get("mode") == "ceiling" else int(value)


def _expression(node: Node, slot: int) -> str | None:
    if _SIMPLE.match(node.kind) and "Slider" not in node.kind:
        names: tuple[str, ...] = (f"value{slot // 2 + 1}", f"value_{slot // 2 + 1}") if "Dual" in node.kind else ("value",)
    else:
        names = _SETTINGS
    return next((value for name in names if isinstance(value := node.inputs.get(name), str)), None)


def _named(node: Node) -> str | None:
    """The operation that a node is called after, as `DF_Sum` and `JWIntegerMul` are."""
    found = _OPERATION_IN_NAME.search(node.kind)
    return found[1] if found is not None and 2 <= len(node.inputs) <= 3 else None


def _operation(node: Node, name: str, operand: Operand) -> float | None:
    """An operation with two operands, in the order of their names: links stand behind numbers in a graph."""
    formula = _OPERATIONS.get(name.lower().replace(" ", "_"))
    known = {name: number for name in sorted(node.inputs) if (number := operand(name)) is not None}
    numbers = [name for name in known if name not in ("min_value", "max_value")]
    if formula is None or len(numbers) != 2:
        return None
    if formula == "{} / {}" and "Int" in node.kind:
        formula = "{} // {}"
    return evaluate(formula.format("a", "b"), {"a": known[numbers[0]], "b": known[numbers[1]]})


_SIZES = re.compile(r"resolution|dimension|aspect|size|preset|ratio", re.I)
_PLAIN_SIZE = re.compile(r"(\d{2,5})\s*[x×X*]\s*(\d{2,5})")
_RATIO = re.compile(r"(\d{1,3})\s*:\s*(\d{1,3})")
_EDGE = 64
MAX_AREA = 1_000
"""Megapixels."""


def size_of_setting(node: Node, operand: Operand) -> tuple[int, int] | None:
    """(width, height) where a node makes both out of one setting."""
    if "swap_dimensions" in node.inputs:
        return _comfyroll_size(node, operand)
    for name, setting in node.inputs.items():
        plain = _PLAIN_SIZE.search(setting) if isinstance(setting, str) and _SIZES.search(name) else None
        if plain:
            width, height = int(plain[1]), int(plain[2])
            swapped = node.inputs.get("invert") is True
            swapped |= node.kind.endswith("(WLSH)") and node.inputs.get("direction") == "portrait"
            return (height, width) if swapped else (width, height)
    custom = node.inputs.get("custom_aspect_ratio") if node.inputs.get("custom_ratio") is True else None
    ratio = _RATIO.search(str(custom or node.inputs.get("aspect_ratio", node.inputs.get("aspect", ""))))
    if ratio is None or not int(ratio[1]) or not int(ratio[2]):
        return None
    across, down = int(ratio[1]), int(ratio[2])
    if node.kind == "ResolutionSelector" and (area := operand("megapixels")):
        return size_for(across, down, area, as_integer(node.inputs.get("multiple")) or 8)
    if node.kind == "FluxResolutionNode" and (area := as_number(node.inputs.get("megapixel"))):
        return _flux_size(node, across, down, area)
    if node.kind == "Empty Latent by Pixels (WLSH)" and (area := operand("megapixels")) and 0 < area < MAX_AREA:
        total, portrait = int(area * 1024 * 1024), node.inputs.get("direction") == "portrait"
        wide, high = (-(-int((ratio * total) ** 0.5) // _EDGE) * _EDGE for ratio in (across / down, down / across))
        return (high, wide) if portrait else (wide, high)
    if node.kind.endswith("(WLSH)") and (short := as_integer(operand("shortside"))):
        long = (short * across // down + _EDGE - 1) // _EDGE * _EDGE
        return (short, long) if node.inputs.get("direction") == "portrait" else (long, short)
    return None


def _comfyroll_size(node: Node, operand: Operand) -> tuple[int, int] | None:
    """A preset, else what was typed; then it is turned, then scaled."""
    plain = _PLAIN_SIZE.search(str(node.inputs.get("aspect_ratio")))
    sides = (float(plain[1]), float(plain[2])) if plain else (operand("width"), operand("height"))
    scale = operand("prescale_factor") if "prescale_factor" in node.inputs else 1.0
    if sides[0] is None or sides[1] is None or scale is None or not 0 < scale < MAX_AREA:
        return None
    width, height = sides[::-1] if node.inputs["swap_dimensions"] == "On" else sides
    return (int(width * scale), int(height * scale)) if width and height else None


def _flux_size(node: Node, across: int, down: int, megapixels: float) -> tuple[int, int] | None:
    """ControlAltAI's calculator: a million pixels each; its first versions had fixed multiples."""
    if not 0 < megapixels < 100:
        return None
    scale = (megapixels * 1_000_000 / (across * down)) ** 0.5
    multiple = as_integer(node.inputs.get("divisible_by")) or (_EDGE if megapixels in (1.0, 1.5) else _EDGE // 2)
    width, height = (round(int(scale * side) / multiple) * multiple for side in (across, down))
    return width, height
