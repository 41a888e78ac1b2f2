"""The command line's help, made from `conf/` and the sources alone: it is there at once."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import indent, wrap
from typing import Any

from seqclf.errors import UserError, nearest
from seqclf.run.conf_path import conf_path, read_yaml
from seqclf.run.signature import docstring_of, signature_of

OVERVIEW = """\
seqclf classifies text records of one or many fields: compose a model of parts, train it, see it beside two baselines.

  {program} [GROUP=CHOICE ...] [KEY=VALUE ...] [-m]

{groups}

Keys of their own, with their defaults (every choice brings more: --help encoder=lstm shows them)

{keys}

For example

  {program}                                            the built-in data, a good model, a minute
  {program} encoder=lstm multifield=bag
  {program} data=files data.train=train.csv data.test=test.csv 'data.text=[title,description]' data.label=label
  {program} encoder=lstm encoder.hidden_size=256 loss.weights=balanced trainer.max_epochs=20 seed=7
  {program} check=true                                 is everything in order? nothing is trained
  {program} -m encoder=bag,cnn,lstm seed=1,2,3         a grid
  {program} -m sweep=optuna encoder=lstm hydra.sweep.dir=DIR     a search; the same command continues it

  --help [GROUP | GROUP=CHOICE ...]   this page; the choices of a group; the keys of a choice
  --cfg job                           the whole configuration, as it would be run
  --multirun, -m                      every combination of values with commas
  --config-dir DIR                    more yamls, your own
  --hydra-help                        what else Hydra can do
"""
EXAMPLES = {
    "learning_curve": "models='[encoder=bag,encoder=lstm]' data=files data.train=train.csv data.test=test.csv",
    "ensemble": "RUN RUN RUN output=outputs/ensemble",
    "runs": "outputs/ sort=score where='[encoder=lstm]'",
    "serve": "model=RUN/model port=8000",
    "export": "model=RUN/model format=onnx output=exported/model.onnx",
    "evaluate": "model=RUN/model data=files data.test=other.csv",
    "predict": "model=RUN/model input=records.csv output=predictions.csv",
    "sweep_report": "multirun/2026-11-23/10-00-00-000000",
    "repeat": "outputs/2026-11-23/10-00-00-000000",
    "explain": "model=RUN/model input=records.csv output=explanations.html",
}


def training_help(arguments: Sequence[str] = ()) -> str:
    """Help for training: everything in short, or the groups and choices that were typed.

    Raises:
        UserError: for a group that there is not.
    """
    groups = [folder.name for folder in conf_path().iterdir() if folder.is_dir()]
    for before, argument in zip(["", *arguments], arguments, strict=False):
        is_group = before != "--config-dir" and not argument.startswith("-") and "=" not in argument
        if is_group and not (conf_path() / argument).is_dir():
            raise UserError(f"--help {argument}: there is no group {argument!r}. {nearest(argument, groups)}")
    asked = [argument for argument in arguments if (conf_path() / argument.partition("=")[0]).is_dir()]
    if asked:
        return "\n".join(
            _choice(*argument.split("=", 1)) if "=" in argument else _group(argument) for argument in asked
        )
    config = conf_path() / "config.yaml"
    defaults = {
        group: choice for item in read_yaml(config)["defaults"] if item != "_self_" for group, choice in item.items()
    }
    own_keys = config.read_text(encoding="utf-8").partition("\ndefaults:")[2].partition("\n\n")[2]
    return OVERVIEW.format(program=_program(), groups=_groups(defaults), keys=indent(own_keys.strip(), "  "))


def script_help(target: str) -> str:
    """Help for a script: what the function behind it says of itself.

    Args:
        target: dotted name of the function.
    """
    name = target.rpartition(".")[2]
    usage = " ".join(
        f"{key}=..." if parameter.required else f"[{key}=...]" for key, parameter in signature_of(target).items()
    )
    says = docstring_of(target).partition("\nReturns:")[0].replace("Args:", "Arguments:").rstrip()
    return f"  {_program()} {usage}\n\n{says}\n\nFor example\n\n  {_program()} {EXAMPLES[name]}\n"


def _program() -> str:
    path = Path(sys.argv[0])
    return f"python {sys.argv[0]}" if path.suffix == ".py" else path.name


def _groups(defaults: Mapping[str, Any]) -> str:
    lines = ["Groups, with their choices (* is what you get when you type nothing)", ""]
    for folder in sorted(conf_path().iterdir()):
        if folder.is_dir() and folder.name != "hydra":
            names = [f"*{name}" if name == defaults.get(folder.name) else name for name in _choices(folder)]
            first, *rest = wrap(" ".join(names), 96) or [""]
            lines += [f"  {folder.name:<20}{first}", *(" " * 22 + line for line in rest)]
    return "\n".join(lines)


def _group(group: str) -> str:
    lines = [f"{group}=", ""]
    for name in _choices(conf_path() / group):
        written = (conf_path() / group / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
        first = next((line for line in written if not line.startswith("# @")), "")  # those are Hydra's own
        lines.append(f"  {name:<16}{first.removeprefix('#').strip() if first.startswith('#') else ''}")
    return "\n".join(lines) + "\n"


def _choice(group: str, choice: str) -> str:
    path = conf_path() / group / f"{choice}.yaml"
    return f"{group}={choice}\n\n{indent(path.read_text(encoding='utf-8'), '  ')}" if path.is_file() else _group(group)


def _choices(folder: Path) -> list[str]:
    return [path.stem for path in sorted(folder.glob("*.yaml"))]
