"""Lists the documentation and checks that every link in it leads somewhere (`./dev docs`).

Links to files, folders and headings of this checkout are followed; addresses elsewhere are not.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

_LEFT_OUT = {"build", "dist", "node_modules"}
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)")
_LINKS = (
    re.compile(r"\]\(\s*<([^<>]*)>"),
    re.compile(r"\]\(\s*([^\s<()]+(?:\([^\s()]*\)[^\s()]*)*)"),
    re.compile(r"^ {0,3}\[[^\]]+\]:\s*<?([^\s<>]+)"),
    re.compile(r"""\b(?:src|href)=["']([^"']+)["']"""),
)
_ELSEWHERE = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:|//)")
_HEADING = re.compile(r" {0,3}#{1,6}\s+(.+?)\s*#*\s*$")
_NAMED = re.compile(r"""\b(?:id|name)=["']([^"']+)["']""")


def main() -> int:
    """Prints the list and what is wrong; the exit code is 1 where something is."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
    wrong, links, files = [], 0, _documents(root)
    for path in files:
        if path.parent == root / "docs":
            sys.stdout.write(f"{path.relative_to(root)}  {_title(path)}\n")
        for number, target in _targets(path):
            links += 1
            if complaint := _complaint(root, path, target):
                wrong.append(f"{path.relative_to(root)}:{number}: {target} {complaint}\n")
    sys.stdout.flush()
    if wrong:
        sys.stderr.writelines(wrong)
        sys.stderr.write(f"{len(wrong)} of {links} links lead nowhere.\n")
        return 1
    sys.stdout.write(f"All {links} links within {len(files)} files lead somewhere.\n")
    return 0


def _documents(root: Path) -> list[Path]:
    found = [root]
    for folder in found:
        found += sorted(
            path
            for path in folder.iterdir()
            if path.is_dir() and not path.name.startswith(".") and path.name not in _LEFT_OUT
        )
    return [path for folder in found for path in sorted(folder.glob("*.md"))]


def _text(path: Path) -> Iterator[tuple[int, str]]:
    """The lines with their numbers, without those of code blocks."""
    fence = ""
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
        elif mark:
            fence = mark[1]
        else:
            yield number, line


def _targets(path: Path) -> Iterator[tuple[int, str]]:
    for number, line in _text(path):
        prose = _CODE.sub("", line)
        for pattern in _LINKS:
            for target in pattern.findall(prose):
                if not _ELSEWHERE.match(target):
                    yield number, target


def _complaint(root: Path, path: Path, target: str) -> str:
    """What is wrong with a link, or nothing."""
    name, _, heading = unquote(target).partition("#")
    name = name.partition("?")[0]
    # As code hosts read it, a leading slash is the root of the checkout.
    there = root / name.lstrip("/") if name.startswith("/") else path.parent / name
    there = (there if name else path).resolve()
    if not there.is_relative_to(root):
        return "leads out of the checkout"
    if not there.exists():
        return "does not exist"
    if heading and there.suffix == ".md" and heading not in _headings(there):
        return "names a heading that is not there"
    return ""


@cache
def _headings(path: Path) -> frozenset[str]:
    """The names of a document's headings, as code hosts make them."""
    names: set[str] = set()
    seen: dict[str, int] = {}
    for _, line in _text(path):
        names.update(_NAMED.findall(line))
        if match := _HEADING.match(line):
            words = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", match[1]).lower()
            name = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
            again = seen.get(name, 0)
            seen[name] = again + 1
            names.add(f"{name}-{again}" if again else name)
    return frozenset(names)


def _title(path: Path) -> str:
    headings = (_HEADING.match(line) for _, line in _text(path))
    return next((heading[1] for heading in headings if heading), "")


if __name__ == "__main__":
    sys.exit(main())
