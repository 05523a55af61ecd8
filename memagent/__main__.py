"""Program `memagent`, which `python -m memagent` runs as well: its streams and its exit code.

Streams fail in many ways (closed, full, a pipe that nobody reads, another encoding than UTF-8).
Each is one line on standard error, and never a traceback.
"""

import io
import os
import sys
from contextlib import suppress

STREAMS = (("stdin", os.O_RDONLY, "r"), ("stdout", os.O_RDONLY, "w"), ("stderr", os.O_WRONLY, "w"))
"""Names and modes of the standard streams in the order of their numbers. In the place of a closed
standard output comes something that cannot be written to, so that losing what is printed is told.
"""


def main() -> None:
    """Run the command line; Ctrl-C ends it with exit code 130, while it still loads as well."""
    code: int | str | None = 0
    try:
        _open_streams()
        from memagent.cli.app import main as run

        run()
    except SystemExit as stop:
        code = stop.code
        if _interrupted(stop):
            _tell("interrupted")
    except KeyboardInterrupt:
        _tell("interrupted")
        code = 130
    except BrokenPipeError:
        code = 1
    except OSError as error:
        what = f"{error.filename}" if error.filename else "the output cannot be written"
        _tell(f"{what}: {(error.strerror or str(error)).lower()}")
        code = 1
    failed = _flush(tell=not code)
    raise SystemExit(code or failed)


def _open_streams() -> None:
    """Open in the place of closed streams the null device, before a file takes their number.

    Characters that a stream's encoding lacks are replaced.
    """
    for number, (name, flags, mode) in enumerate(STREAMS):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, flags)
            if null == number:
                os.set_inheritable(number, True)
            else:
                os.dup2(null, number)
                os.close(null)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace" if name == "stderr" else "replace")


def _interrupted(stop: SystemExit) -> bool:
    """Tell whether Ctrl-C ended the program, which typer turns into an exit code."""
    return stop.__context__ is not None and isinstance(
        stop.__context__.__cause__, KeyboardInterrupt
    )


def _flush(tell: bool) -> int:
    """Write what is still buffered; return the exit code, 1 if it cannot be written."""
    try:
        sys.stdout.flush()
    except OSError as error:
        if tell and not isinstance(error, BrokenPipeError):
            _tell(f"the output cannot be written: {(error.strerror or str(error)).lower()}")
        _drop_output()
        return 1
    return 0


def _drop_output() -> None:
    """Send the rest of the output nowhere, or Python tries to write it once more at its exit."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def _tell(message: str) -> None:
    with suppress(OSError):
        print(f"memagent: {message}", file=sys.stderr)


if __name__ == "__main__":
    main()
