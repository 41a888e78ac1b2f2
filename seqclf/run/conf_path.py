"""Where the yamls are, and what is in them."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

PACKAGE = Path(__file__).resolve().parents[1]


def conf_path() -> Path:
    """The folder of the configuration: inside an installed package, beside the package in a clone.

    Raises:
        FileNotFoundError: for an installation that lost it.
    """
    for folder in (PACKAGE / "conf", PACKAGE.parent / "conf"):
        if (folder / "config.yaml").is_file():
            return folder
    raise FileNotFoundError(f"conf/config.yaml is neither in {PACKAGE} nor beside it: install seqclf again.")


@cache
def read_yaml(path: Path) -> dict[str, Any]:
    """A yaml as it is written: nothing composed, no interpolation resolved. It is read once."""
    loaded = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return loaded or {}


def read_choice(group: str, choice: str) -> dict[str, Any]:
    """A choice of a group with what the yaml in its place brings (`defaults: [/encoder@_here_: lstm]`)."""
    own = read_yaml(conf_path() / group / f"{choice}.yaml")
    brought: dict[str, Any] = {}
    for item in own.get("defaults", []):
        for entry, other in item.items() if isinstance(item, dict) else ():
            if entry.endswith("@_here_"):
                brought |= read_choice(entry.partition("@")[0].strip("/"), other)
    return {key: value for key, value in {**brought, **own}.items() if key != "defaults"}
