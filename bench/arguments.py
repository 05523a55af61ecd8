"""The arguments of `store.py`, read and checked."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NoReturn

import corpus
import numpy as np
from peers import SYSTEMS

NAMES = [one.name for one in SYSTEMS]
OURS = ("limit", "memagent", "memagent-hybrid")
"""Systems that run at every size; the others are peers."""

Case = tuple[int, int]
"""Records and users."""


class WrongUsage(Exception):
    """An argument that cannot be used; the message says why, in one line."""


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"bench: {message}\n")


class Defaults(argparse.ArgumentDefaultsHelpFormatter):
    """Names a default where there is one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        has_one = action.default is not None and action.default is not False
        return super()._get_help_string(action) if has_one else action.help


def parser(description: str) -> argparse.ArgumentParser:
    made = Parser(description=description, formatter_class=Defaults)
    add = made.add_argument
    add("--sizes", default="2k,20k", help="records, by commas; SIZE:USERS for another --users")
    add("--users", type=number, default=10, help="users; the r-th has a share of 1/r")
    add("--systems", default="all", help=f"by commas, of: {', '.join(NAMES)}; limit always runs")
    add("--repeats", type=number, default=3, help="how often everything is run")
    add("--batch", type=number, default=100, help="records of one user that one call adds")
    add("--singles", type=number, default=200, help="records added one by one after the batches")
    add("--queries", type=number, default=200, help="searches, half of them near a stored record")
    add("--k", type=number, default=10, help="records that a search returns")
    add("--search-seconds", type=float, default=60, help="search for about so long at most")
    add(
        "--peer-limit",
        default="100k,qdrant=20k,mem0=20k",
        help="leave peers out above so many records; NAME=NUMBER for one of them",
    )
    add("--timeout", type=number, default=1800, help="seconds after which a store is given up")
    add("--vectors", type=Path, help="an .npy file with embeddings to use, rows x dimensions")
    add("--end-to-end", action="store_true", help="also what the real embedder leaves to the store")
    add("--seed", type=partial(number, least=0), default=0, help="of everything random")
    add("--out", type=Path, default=Path("runs/store"), help="folder for store.json and store.md")
    add("--scratch", type=Path, help="folder for the stores under test; --out if not given")
    return made


def number(text: str, least: int = 1) -> int:
    """Read 2000, 2k or 1M."""
    unit = {"k": 1_000, "M": 1_000_000}.get(text[-1:], 1)
    digits = text if unit == 1 else text[:-1]
    if not (digits.isascii() and digits.isdigit() and int(digits) >= least):
        raise argparse.ArgumentTypeError(
            f"a number from {least} up is wanted, such as 2000, 2k or 1M, not {text!r}"
        )
    return int(digits) * unit


def cases(sizes: str, users: int) -> list[Case]:
    """Read --sizes: SIZE or SIZE:USERS, by commas."""
    found: list[Case] = []
    for one in sizes.split(","):
        size, _, own = one.strip().partition(":")
        try:
            case = (number(size), number(own) if own else users)
        except argparse.ArgumentTypeError as error:
            raise WrongUsage(f"--sizes: {error}") from error
        if case[1] > case[0]:
            raise WrongUsage(f"--sizes: {case[0]} records for {case[1]} users are too few")
        if case in found:
            raise WrongUsage(f"--sizes names {one!r} twice")
        found.append(case)
    return found


def systems(names: str) -> list[str]:
    """Read --systems: names by commas, or all; the limit is always among them."""
    wanted = NAMES if names == "all" else [one.strip() for one in names.split(",")]
    unknown = [one for one in wanted if one not in NAMES]
    if unknown:
        raise WrongUsage(f"--systems: {unknown[0]!r} is none of {', '.join(NAMES)}")
    return [one for one in NAMES if one in wanted or one == "limit"]


def limits(text: str) -> dict[str, int]:
    """Read --peer-limit: one number for every peer, and NAME=NUMBER for one of them."""
    found: dict[str, int] = {}
    for one in text.split(","):
        name, _, value = one.strip().rpartition("=")
        if name and (name not in NAMES or name in OURS):
            raise WrongUsage(f"--peer-limit: {name!r} is no peer")
        try:
            found[name] = number(value)
        except argparse.ArgumentTypeError as error:
            raise WrongUsage(f"--peer-limit: {error}") from error
    return {name: found.get(name, found.get("", sys.maxsize)) for name in NAMES if name not in OURS}


def given_vectors(asked: argparse.Namespace, wanted: Sequence[Case]) -> corpus.Vectors | None:
    """Load the vectors of --vectors, shuffled; refuse what does not fit."""
    if asked.vectors is None:
        return None
    try:
        vectors = np.load(asked.vectors, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise WrongUsage(f"--vectors: cannot read the file: {error}") from error
    if vectors.ndim != 2 or vectors.dtype.kind != "f":
        raise WrongUsage("--vectors: the file holds no table of floats, rows x dimensions")
    most = max(corpus.needed(size, asked.singles, asked.queries) for size, _ in wanted)
    if len(vectors) < most:
        raise WrongUsage(f"--vectors: {most:,} rows are needed, the file has {len(vectors):,}")
    if asked.end_to_end and vectors.shape[1] != corpus.DIMENSIONS:
        raise WrongUsage(f"--vectors: --end-to-end takes {corpus.DIMENSIONS} dimensions")
    order = np.random.default_rng(asked.seed).permutation(len(vectors))[:most]
    chosen = vectors[order].astype(np.float32)
    lengths = np.linalg.norm(chosen, axis=1)
    if not (np.isfinite(lengths).all() and lengths.all()):
        raise WrongUsage("--vectors: a row is zero, or holds what is no number")
    return chosen
