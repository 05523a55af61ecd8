"""What a run measured beside accuracy, as its folder keeps it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from memagent.errors import RunError
from memagent.evals.score import SAMPLES_FILE

MEASURES_FILE = "measures.json"
Tables = Mapping[str, Sequence[Mapping[str, Any]]]
"""Tables by name, each a list of rows."""


class MeasuresFile:
    """The tables of a run, with the SHA-256 of the answers that they were worked out from."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / MEASURES_FILE
        self._answers = folder / SAMPLES_FILE

    def write(self, tables: Tables) -> None:
        """Put these tables in the place of all, at once or not at all.

        Raises:
            RunError: they cannot be written.
        """
        beside = self.path.with_suffix(".new")
        try:
            text = json.dumps({"answers": self._sum(), "tables": tables}, allow_nan=False)
            beside.write_text(text + "\n", encoding="utf-8")
            beside.replace(self.path)
        except ValueError as error:
            raise RunError(f"cannot write {self.path}: {error}; expected None instead") from error
        except OSError as error:
            raise RunError(f"cannot write {self.path}: {error.strerror}") from error

    def read(self) -> Tables:
        """Return the tables; none where answers came or changed since they were worked out.

        Raises:
            RunError: the file is damaged.
        """
        try:
            held = json.loads(self.path.read_text(encoding="utf-8"))
            tables: Tables = held["tables"] if held["answers"] == self._sum() else {}
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(
                f"{self.path} is damaged: delete it, `memagent eval rescore` makes it again"
            ) from error
        return tables

    def _sum(self) -> str:
        """Return the SHA-256 of the file of answers, that of nothing where there is none."""
        try:
            return hashlib.sha256(self._answers.read_bytes()).hexdigest()
        except FileNotFoundError:
            return hashlib.sha256().hexdigest()
