"""Sandbox process: limits itself, then runs the code on its standard input.

This file's text is passed to `python -c`, and imports nothing but the standard library.
"""

import ast
import linecache
import os
import resource
import sys
import traceback
from typing import Any

NAME = "<code>"


def limit(cpu_seconds: int, memory: int, size: int, processes: int) -> None:
    """Limit this process, with the hard limits too, so that the code cannot lift them."""
    bounds = {
        resource.RLIMIT_CPU: cpu_seconds,
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_FSIZE: size,
        resource.RLIMIT_CORE: 0,
    }
    if processes:
        bounds[resource.RLIMIT_NPROC] = processes
    for kind, bound in bounds.items():
        resource.setrlimit(kind, (bound, bound))


def run(code: str) -> None:
    """Run code as a program; if its last statement is an expression, print its value."""
    tree = ast.parse(code, NAME)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(tree, NAME, "exec"), names)
    if isinstance(last, ast.Expr):
        value = eval(compile(ast.Expression(last.value), NAME, "eval"), names)
        if value is not None:
            print(repr(value))


def main(bounds: list[str]) -> int:
    """Return the exit status: 0, or 1 if the code raised, whose traceback is then printed."""
    code = sys.stdin.buffer.read().decode("utf-8", "replace")
    linecache.cache[NAME] = (len(code), None, code.splitlines(keepends=True), NAME)
    os.environ.clear()  # Python puts a locale there
    limit(*map(int, bounds))
    try:
        run(code)
    except SystemExit:
        raise
    except BaseException as error:
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename != NAME:
            trace = trace.tb_next
        traceback.print_exception(type(error), error, trace)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
