"""What a class or function takes and says of itself, read from its source in milliseconds: nothing is imported."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path

from seqclf.errors import UserError, nearest

Definition = ast.ClassDef | ast.FunctionDef


@dataclass(frozen=True)
class Parameter:
    """A parameter as it is written.

    Args:
        annotation: its type, None where there is none.
        default: its default, None where it has none.
    """

    annotation: str | None = None
    default: str | None = None

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is None


def signature_of(target: str) -> dict[str, Parameter]:
    """The parameters that a class's constructor or a function takes, in their order.

    Args:
        target: dotted name; a name that a package's `__init__` imports is followed.

    Returns:
        Parameter name to parameter; `self`, `*args` and `**kwargs` are left out.

    Raises:
        UserError: where there is no such class or function.
    """
    home, node = _find(target)
    return _parameters(node.args) if isinstance(node, ast.FunctionDef) else _constructor(home, node) or {}


def docstring_of(target: str) -> str:
    """What a class or function says of itself.

    Args:
        target: dotted name.

    Raises:
        UserError: where there is no such class or function.
    """
    return ast.get_docstring(_find(target)[1]) or ""


def _find(target: str) -> tuple[Path, Definition]:
    module, _, name = target.rpartition(".")
    path = _module_file(module)
    found = _definition(path, name) if path else None
    if found is None:
        names = [node.name for node in _parse(path).body if isinstance(node, Definition)] if path else []
        raise UserError(f"there is no {target!r}. {nearest(name, names) if names else ''}".strip())
    return found


@cache
def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _module_file(module: str) -> Path | None:
    first, *rest = module.split(".")
    spec = PathFinder.find_spec(first)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin)
    for name in rest:
        if path.name != "__init__.py":
            return None
        package = path.parent / name / "__init__.py"
        path = package if package.is_file() else path.parent / f"{name}.py"
    return path if path.suffix == ".py" and path.is_file() else None


def _definition(path: Path, name: str) -> tuple[Path, Definition] | None:
    for node in _parse(path).body:
        if isinstance(node, Definition) and node.name == name:
            return path, node
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            original = next((alias.name for alias in node.names if (alias.asname or alias.name) == name), None)
            home = _module_file(node.module) if original else None
            if home is not None and original is not None:
                return _definition(home, original)
    return None


def _constructor(path: Path, node: ast.ClassDef) -> dict[str, Parameter] | None:
    """The parameters of a class's `__init__`, be it inherited or made by `@dataclass`; None where it has none."""
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
            return _parameters(statement.args, bound=True)
    inherited: dict[str, Parameter] | None = None
    for base in node.bases:
        found = _definition(path, base.id) if isinstance(base, ast.Name) else None
        if inherited is None and found is not None and isinstance(found[1], ast.ClassDef):
            inherited = _constructor(found[0], found[1])
    if any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list):
        return {**(inherited or {}), **_fields(node)}
    return inherited


def _fields(node: ast.ClassDef) -> dict[str, Parameter]:
    fields = [part for part in node.body if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)]
    return {ast.unparse(part.target): Parameter(_source(part.annotation), _source(part.value)) for part in fields}


def _parameters(arguments: ast.arguments, bound: bool = False) -> dict[str, Parameter]:
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    pairs = [*zip(positional, [*defaults, *arguments.defaults], strict=True)][bound:]
    pairs += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return {argument.arg: Parameter(_source(argument.annotation), _source(default)) for argument, default in pairs}


def _source(node: ast.expr | None) -> str | None:
    return None if node is None else ast.unparse(node)
