"""Pages of the documentation: their blocks of code, their commands and their links."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "bench/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
KEPT_AS_WRITTEN = ("docs/log.md", "docs/upgrading.md")
"""Pages that name what no longer exists: the notes of experiments, and the way from 0.1."""
FENCE = re.compile(r"^( *)```([^\n`]*)\n(.*?)^\1```", flags=re.DOTALL | re.MULTILINE)
SHELL = ("", "console", "bash")


@dataclass(frozen=True)
class Block:
    """A fenced block of code: its page, its language, its text."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            page=str(page.relative_to(ROOT)),
            line=text.count("\n", 0, found.start()) + 1,
            language=found[2].strip(),
            text=found[3],
        )
        for found in FENCE.finditer(text)
    ]


def all_blocks() -> list[Block]:
    """Return the fenced blocks of all pages."""
    return [block for page in PAGES for block in blocks(page)]


def commands(block: Block) -> list[str]:
    """Return the command lines of `memagent` in a block of shell, without what they print."""
    if block.language not in SHELL:
        return []
    lines = block.text.replace("\\\n", " ").splitlines()
    if any(line.startswith("$ ") for line in lines):
        lines = [line[2:] for line in lines if line.startswith("$ ")]
    found = [re.search(r"(?:^|[|;] *|^[A-Z_]+=\S+ +)(memagent .*)", line.strip()) for line in lines]
    return [match[1] for match in found if match]


def inline_commands(page: Path) -> list[str]:
    """Return the commands of `memagent` that the prose of a page names, or shows indented."""
    prose = FENCE.sub("", page.read_text(encoding="utf-8"))
    indented = re.findall(r"^    (memagent .*)", prose, flags=re.MULTILINE)
    return [*re.findall(r"`(memagent [a-z][^`]*)`", prose), *indented]


def links(page: Path) -> list[str]:
    """Return the relative links of a page, without their anchors."""
    prose = FENCE.sub("", page.read_text(encoding="utf-8"))
    targets = [target.split("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", prose)]
    return [target for target in targets if target and "://" not in target]
