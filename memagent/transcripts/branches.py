"""Branches of a conversation that is a tree: edited questions and answers asked for again."""

from collections.abc import Hashable, Iterator, Mapping


def paths(
    parents: Mapping[str, Hashable], current: Hashable = None
) -> Iterator[tuple[str, str | None]]:
    """Yield ids in the order of their conversation, each with the branch it stands in.

    `parents` maps ids, in the order in which they were written, to the ids of their parents;
    `current` is the end of the path that was shown last, or else the last id is. That path comes
    first, and is in no branch (None); a branch is named by its first id. Circles are cut.
    """
    end = current if current in parents else next(reversed(list(parents)), None)
    path = dict[str, None]()
    while isinstance(end, str) and end in parents and end not in path:
        path[end] = None
        end = parents[end]
    for id in reversed(path):
        yield id, None
    branch_of = dict[str, str]()
    for id in parents:
        if id not in path:
            yield id, _branch(id, parents, path, branch_of)


def _branch(
    id: str,
    parents: Mapping[str, Hashable],
    path: Mapping[str, None],
    branch_of: dict[str, str],
) -> str:
    """Return the first id of a branch: the one whose parent is in the path, or has none."""
    climbed = dict[str, None]()
    first, above = id, id
    while above in parents and above not in path and above not in climbed:
        if above in branch_of:
            first = branch_of[above]
            break
        climbed[above] = None
        first = above
        parent = parents[above]
        if not isinstance(parent, str):
            break
        above = parent
    branch_of.update(dict.fromkeys(climbed, first))
    return first
