"""Calculator tool: arithmetic, parsed by Python's own parser and evaluated node by node.

Nothing runs as code. Every operation is bounded before it is carried out, so that no expression
takes long: see `MAX_CHARACTERS` and `MAX_BITS`.
"""

import ast
import math
import operator
import re
from collections.abc import Callable
from typing import Annotated

from langchain_core.tools import BaseTool

from memagent.errors import InvalidInput
from memagent.tools.base import make_tool

Number = int | float
MAX_CHARACTERS = 500
"""Length of an expression, which also bounds its nesting."""
MAX_BITS = 4096
"""Size of a whole number, about 1,200 digits."""
MAX_PLACES = 100
"""Decimal places of `round`."""

_TOKEN = re.compile(
    r"\s+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.])|[A-Za-z_]\w*|\*\*|//|[-+*/%(),]",
    re.ASCII,
)
_SPELLINGS = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "^": "**"})  # noqa: RUF001
_BINARY: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_UNARY: dict[type[ast.unaryop], Callable[[Number], Number]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}
_CONSTANTS = {"pi": math.pi, "e": math.e}


def _round(number: Number, *places: Number) -> Number:
    if not places:
        return round(number)
    (digits,) = places
    if not isinstance(digits, int) or abs(digits) > MAX_PLACES:
        raise InvalidInput(f"round takes a whole number of places, at most {MAX_PLACES}")
    return round(number, digits)


_FUNCTIONS: dict[str, tuple[Callable[..., Number], int, int]] = {
    "abs": (abs, 1, 1),
    "ceil": (math.ceil, 1, 1),
    "cos": (math.cos, 1, 1),
    "exp": (math.exp, 1, 1),
    "floor": (math.floor, 1, 1),
    "log": (math.log, 1, 2),
    "log10": (math.log10, 1, 1),
    "max": (max, 2, MAX_CHARACTERS),
    "min": (min, 2, MAX_CHARACTERS),
    "round": (_round, 1, 2),
    "sin": (math.sin, 1, 1),
    "sqrt": (math.sqrt, 1, 1),
    "tan": (math.tan, 1, 1),
}
"""Each function with the least and the most arguments it takes."""
KNOWN = f"numbers, + - * / // % **, parentheses, {', '.join([*_FUNCTIONS, *_CONSTANTS])}"


def calculator() -> BaseTool:
    """Return the tool `calculator`."""

    def answer(
        expression: Annotated[str, "numbers, + - * / // % **, sqrt, round: 3 * (4 + 5)"],
    ) -> str:
        """Work out an arithmetic expression such as 3 * (4 + 5) ** 2 or sqrt(2)."""
        return calculate(expression)

    return make_tool("calculator", answer)


def calculate(expression: str) -> str:
    """Return the value of an expression: whole numbers exactly, others to 15 significant digits.

    Raises:
        InvalidInput: it is not arithmetic, has no real value, or gets too large.
    """
    number = value_of(expression)
    return str(number) if isinstance(number, int) else format(number, ".15g")


def value_of(expression: str) -> Number:
    """Return the value of an expression by Python's own arithmetic, angles in radians.

    Raises:
        InvalidInput: it is not arithmetic, has no real value, or gets too large.
    """
    try:
        return _evaluate(_parse(expression))
    except ZeroDivisionError as error:
        raise InvalidInput("division by zero") from error
    except OverflowError as error:
        raise InvalidInput("a number gets too large") from error
    except RecursionError as error:
        raise InvalidInput("the expression is nested too deeply") from error
    except ValueError as error:
        if isinstance(error, InvalidInput):
            raise
        raise InvalidInput("there is no real number that this is") from error


def _parse(expression: str) -> ast.expr:
    if len(expression) > MAX_CHARACTERS:
        raise InvalidInput(f"the expression is longer than {MAX_CHARACTERS} characters")
    text = expression.translate(_SPELLINGS).strip()
    end = 0
    while end < len(text):
        token = _TOKEN.match(text, end)
        if token is None:
            raise InvalidInput(f"cannot read {text[end : end + 20]!r}: use {KNOWN}")
        end = token.end()
    try:
        return ast.parse(" ".join(text.split()), mode="eval").body
    except (SyntaxError, MemoryError) as error:
        raise InvalidInput(f"{expression[:80]!r} is no arithmetic: use {KNOWN}") from error


def _evaluate(node: ast.expr) -> Number:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return _check_size(number)
        case ast.Name(id=name) if name in _CONSTANTS:
            return _CONSTANTS[name]
        case ast.UnaryOp(op=sign, operand=operand) if type(sign) in _UNARY:
            return _UNARY[type(sign)](_evaluate(operand))
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _power(_evaluate(left), _evaluate(right))
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _BINARY:
            return _check_size(_BINARY[type(sign)](_evaluate(left), _evaluate(right)))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
            function, fewest, most = _FUNCTIONS[name]
            if not fewest <= len(arguments) <= most:
                raise InvalidInput(f"{name} does not take {len(arguments)} numbers")
            return _check_size(function(*map(_evaluate, arguments)))
        case ast.Tuple():
            raise InvalidInput("a comma stands only between a function's numbers: write 1000")
    raise InvalidInput(f"{ast.unparse(node)[:80]!r} is no arithmetic: use {KNOWN}")


def _power(base: Number, exponent: Number) -> Number:
    """Return a power; that of whole numbers is bounded before it is computed."""
    whole = isinstance(base, int) and isinstance(exponent, int) and exponent > 0
    if whole and abs(base) > 1 and exponent * (int(base).bit_length() - 1) > MAX_BITS:
        raise InvalidInput("a number gets too large")
    if isinstance(base, int) and abs(base) <= 1 and isinstance(exponent, int) and exponent > 0:
        exponent = 2 - exponent % 2
    return _check_size(base**exponent)


def _check_size(number: object) -> Number:
    if isinstance(number, int) and number.bit_length() <= MAX_BITS:
        return number
    if isinstance(number, float) and math.isfinite(number):
        return number
    if isinstance(number, complex):
        raise InvalidInput("there is no real number that this is")
    raise InvalidInput("a number gets too large")
