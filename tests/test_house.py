"""The rules of the house, as tests: who may import whom, how long things are, what a yaml must hold."""

import ast
from pathlib import Path

import pytest

from seqclf.run.annotation import LISTS, MAPPINGS, SCALARS, fits
from seqclf.run.conf_path import conf_path, read_yaml
from seqclf.run.schema import HYDRAS_KEYS, THREADED
from seqclf.run.signature import signature_of
from seqclf.several import NAMES

PACKAGE = Path(__file__).parents[1] / "seqclf"
MODULES = sorted(PACKAGE.rglob("*.py"))

# What each room may import beside itself; arrows go downwards only.
GROUND = {"errors", "ragged", "batch", "chunks", "word_vectors", "backbone", "hub", "padded"}
BELOW = {
    "errors": set(),
    "hub": {"errors"},
    "backbone": {"errors", "hub"},
    "ragged": set(),
    "padded": {"ragged"},
    "batch": {"ragged"},
    "chunks": {"ragged", "padded"},
    "several": {"errors"},
    "parts": {"errors"},
    "segmented": {"errors", "parts"},
    "token_features": {"backbone", "batch", "errors", "nn", "text", "parts", "several"},
    "word_vectors": {"errors"},
    "nn": GROUND,
    "text": GROUND - {"chunks"},
    "data": GROUND - {"chunks"} | {"text"},
    "inference": GROUND | {"text", "data"},
    "build": GROUND | {"text", "nn", "inference", "parts", "several", "segmented", "token_features"},
    "classifiers": GROUND | {"text", "nn", "inference", "build"},
    "run": GROUND | {"text", "nn", "data", "inference", "parts", "several", "token_features", "build", "classifiers"},
    "__init__": GROUND | {"text", "nn", "classifiers", "run"},
    "__main__": {"run"},
}
# Where a library is at home; everywhere else it is unknown.
HOMES = {
    "hydra": {"run"},
    "omegaconf": {"run"},
    "pytorch_lightning": {"classifiers", "data", "run"},
    "lightning_fabric": {"run"},
    "torchmetrics": {"classifiers"},
    "sklearn": {"run"},
    "datasets": {"data"},
    "transformers": {"backbone", "nn"},
    "huggingface_hub": {"hub"},
    "peft": {"nn"},
}
VAGUE = {"util", "utils", "common", "helper", "helpers", "core", "misc"}

HYDRAS = conf_path() / "hydra"  # it makes these itself
TARGETS = sorted(
    path for path in conf_path().rglob("*.yaml") if read_yaml(path).get("_target_") and HYDRAS not in path.parents
)
# Its parameters are the other groups: what the builder makes of them.
MODEL = "seqclf.classifiers.sequence_classifier.SequenceClassifier"
MODELS = (
    MODEL,
    "seqclf.classifiers.multilabel_classifier.MultilabelClassifier",
    "seqclf.classifiers.sequence_pair_classifier.SequencePairClassifier",
    "seqclf.classifiers.similarity_classifier.SimilarityClassifier",
)


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE.parent).as_posix()


def conf_name(path: Path) -> str:
    return path.relative_to(conf_path()).as_posix()


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            found.add(str(node.module))
    return found


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_downwards_only(path: Path) -> None:
    rooms = {module.split(".")[1] for module in imports_of(path) if module.startswith("seqclf.")}
    assert rooms - {room_of(path)} <= BELOW[room_of(path)]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_library_is_used_only_where_it_is_at_home(path: Path) -> None:
    libraries = {module.split(".")[0] for module in imports_of(path)}
    assert not {library for library, rooms in HOMES.items() if room_of(path) not in rooms} & libraries


def test_the_import_rule_sees_imports_inside_functions(tmp_path: Path) -> None:
    (tmp_path / "sneaky.py").write_text("def f():\n    import hydra\n    from seqclf.run import train\n")
    assert imports_of(tmp_path / "sneaky.py") == {"hydra", "seqclf.run"}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_is_short_documented_and_named_for_an_idea(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    assert source.count("\n") <= 250
    assert not VAGUE & {part.removesuffix(".py").strip("_") for part in path.relative_to(PACKAGE).parts}
    assert ast.get_docstring(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < 60, f"{node.name} is too long"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_everything_public_has_a_docstring(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    homes = [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_"))]
    public = [
        node
        for home in homes
        for node in home.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]
    assert [node.name for node in public if not ast.get_docstring(node)] == []


@pytest.mark.parametrize("path", sorted(conf_path().rglob("*.yaml")), ids=conf_name)
def test_a_yaml_begins_by_saying_what_it_is(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith("# ")


@pytest.mark.parametrize("path", TARGETS, ids=conf_name)
def test_a_yaml_holds_every_parameter_of_its_target(path: Path) -> None:
    node = read_yaml(path)
    if node["_target_"] in MODELS:
        assert set(node) == {*HYDRAS_KEYS, *(set(signature_of(node["_target_"])) - set(signature_of(MODEL)))}
        return
    typed = {name: value for name, value in signature_of(node["_target_"]).items() if name not in THREADED}
    given = set(node) - {*HYDRAS_KEYS, "defaults", NAMES}
    assert node["_partial_"] is True
    assert given <= set(typed)
    assert {name for name, parameter in typed.items() if not parameter.required} <= given


@pytest.mark.parametrize("path", TARGETS, ids=conf_name)
def test_the_values_of_a_yaml_fit_types_that_the_schema_understands(path: Path) -> None:
    node = read_yaml(path)
    signature = signature_of(node["_target_"])
    assert NAMES not in node or fits(node[NAMES], "list[str]")
    for key in set(node) & set(signature):
        annotation = signature[key].annotation
        assert annotation is not None, key
        names = {name.id for name in ast.walk(ast.parse(annotation)) if isinstance(name, ast.Name)}
        assert names <= {*SCALARS, *LISTS, *MAPPINGS, "Literal", "Any"}, key
        assert str(node[key]).startswith(("${", "???")) or fits(node[key], annotation), key


@pytest.mark.parametrize(("group", "twin"), [("encoder", "multifield"), ("seq2seq", "multifield_seq2seq")])
def test_every_token_encoder_is_a_field_encoder_too(group: str, twin: str) -> None:
    for path in (conf_path() / group).glob("*.yaml"):
        other = conf_path() / twin / path.name
        assert other.is_file(), f"conf/{twin}/{path.name} is missing"
        if path.stem != "none":
            node = read_yaml(other)
            assert node["defaults"] == [{f"/{group}@_here_": path.stem}]
            assert set(node) - {"defaults"} <= set(read_yaml(path)), "it may only say what is otherwise for fields"


@pytest.mark.parametrize("path", [path for path in TARGETS if NAMES in read_yaml(path)], ids=conf_name)
def test_a_yaml_of_several_holds_every_other_choice_of_its_group(path: Path) -> None:
    others = [other.stem for other in sorted(path.parent.glob("*.yaml")) if other.stem not in (path.stem, "none")]
    # What chooses another group along with itself stands alone: its tokens are its own.
    others = [name for name in others if "override" not in (path.parent / f"{name}.yaml").read_text()]
    assert read_yaml(path)["defaults"] == [f"{name}@{name}" for name in others]
    assert set(read_yaml(path)[NAMES]) <= set(others)
