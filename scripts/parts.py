"""Write docs/parts.md, the table of every part, from the yamls and the docstrings: `python scripts/parts.py`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from seqclf.run.conf_path import conf_path, read_choice, read_yaml
from seqclf.run.signature import docstring_of

PAGE = Path(__file__).parents[1] / "docs" / "parts.md"
HEAD = """\
# Every part

Made by `make parts` from `conf/` and the docstrings; do not edit it. A choice is typed as `python train.py
GROUP=CHOICE`, an option as `GROUP.OPTION=VALUE`; `${...}` is set by the recipe of the encoder (`conf/recipe`);
`???` has to be typed. `python train.py --help GROUP=CHOICE` says what each option means.
"""
COLUMNS = ("choice", "what it is", "paper", "class", "options", "yaml")
HYDRAS_KEYS = ("_target_", "_partial_")
LINK = re.compile(r"https?://[^\s,;)\]]+[^\s,;)\].:]")
Node = dict[str, Any]


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)


def page() -> str:
    """The whole page as it should be."""
    lines = [HEAD]
    for group in groups():
        lines += [f"## {group}", "", _row(COLUMNS), _row(["---"] * len(COLUMNS))]
        lines += [_row(cells(group, choice)) for choice in choices(group)]
        lines.append("")
    return "\n".join(lines)


def groups() -> list[str]:
    """Every group of `conf/`: first in the order of config.yaml, then the others."""
    first = [name for item in read_yaml(conf_path() / "config.yaml")["defaults"] for name in _names(item)]
    there = sorted(folder.name for folder in conf_path().iterdir() if folder.is_dir() and folder.name != "hydra")
    return [name for name in dict.fromkeys([*first, *there]) if name in there]


def choices(group: str) -> list[str]:
    """Every choice of a group."""
    return [path.stem for path in sorted((conf_path() / group).glob("*.yaml"))]


def cells(group: str, choice: str) -> list[str]:
    """What one row of the table says."""
    said = comment(conf_path() / group / f"{choice}.yaml")
    options = node(group, choice)
    target = options.get("_target_")
    typed = {key: value for key, value in options.items() if key not in HYDRAS_KEYS}
    return [
        f"`{group}={choice}`",
        re.sub(rf"(, |: |\s)?{LINK.pattern}", "", said).replace("()", ""),
        " ".join(f"[{_where(link)}]({link})" for link in links(group, choice)),
        "" if target is None else f"`{target.rpartition('.')[2]}`",
        " ".join(f"`{key}={_shown(value)}`" for key, value in typed.items()),
        f"[{group}/{choice}.yaml](../conf/{group}/{choice}.yaml)",
    ]


def links(group: str, choice: str) -> list[str]:
    """The papers that a yaml names; else those of the yaml in its place, else those of its class."""
    file = conf_path() / group / f"{choice}.yaml"
    found = LINK.findall(comment(file))
    for item in [] if found else read_yaml(file).get("defaults", []):
        entry, other = next(iter(item.items())) if isinstance(item, Mapping) else (str(item), "")
        if entry.endswith("@_here_"):
            return links(entry.partition("@")[0].strip("/"), other)
    target = str(node(group, choice).get("_target_"))
    if not found and target.startswith("seqclf."):
        found = LINK.findall(docstring_of(target))
    return list(dict.fromkeys(found))


def node(group: str, choice: str) -> Node:
    """What a choice brings, and by name the other choices that it holds."""
    brought = read_choice(group, choice)
    for item in read_yaml(conf_path() / group / f"{choice}.yaml").get("defaults", []):
        entry, other = next(iter(item.items())) if isinstance(item, Mapping) else (str(item), "")
        place, _, package = entry.partition("@")
        if package == "_here_":
            brought = node(place.strip("/"), other) | brought
        elif package:
            brought.setdefault(package, "...")
    return brought


def comment(file: Path) -> str:
    """What a yaml says of itself at its head."""
    lines = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith("# @"):  # Hydra's own
            lines.append(line.removeprefix("#").strip())
    return " ".join(lines)


def _names(item: Any) -> Iterator[str]:
    if isinstance(item, Mapping):
        yield from (str(key).removeprefix("optional ").partition("@")[0] for key in item)


def _where(link: str) -> str:
    """What a link shows: the number of a paper, or else its site."""
    path = link.split("//", 1)[1].removeprefix("www.")
    return path.rstrip("/").removesuffix(".html").replace("arxiv.org/abs/", "arXiv ").removeprefix("doi.org/")


def _shown(value: Any) -> str:
    if value == "..." or isinstance(value, str):
        return str(value)
    return yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("...\n").strip()


def _row(values: list[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(value.replace("|", "\\|") for value in values) + " |"


if __name__ == "__main__":
    main()
