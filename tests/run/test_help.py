import pytest

from seqclf.errors import UserError
from seqclf.run.conf_path import conf_path
from seqclf.run.help import script_help, training_help


def test_every_group_and_choice_is_listed_and_the_default_is_marked() -> None:
    shown = training_help().split()
    for folder in conf_path().iterdir():
        if folder.is_dir() and folder.name != "hydra":
            assert folder.name in shown
            assert all({path.stem, f"*{path.stem}"} & set(shown) for path in folder.glob("*.yaml"))
    assert {"*bag", "*pydocs"} <= set(shown)


def test_the_keys_outside_of_groups_are_listed_with_their_comments() -> None:
    assert "  seed: 1" in training_help()
    assert "  monitor: ${recipe.monitor} # " in training_help()
    assert "defaults" not in training_help().partition("Keys")[2].partition("For example")[0].splitlines()[2:]


def test_a_group_shows_what_each_choice_is() -> None:
    lines = training_help(["--help", "encoder"]).splitlines()
    assert any(line.startswith("  lstm ") and "LSTM" in line for line in lines)


def test_an_experiment_shows_what_it_is() -> None:
    assert any(line.startswith("  han ") and "attention" in line for line in training_help(["experiment"]).splitlines())


def test_a_choice_shows_its_keys() -> None:
    assert "  hidden_size: " in training_help(["encoder=lstm", "--help"])


def test_a_choice_that_is_not_there_shows_the_group() -> None:
    assert training_help(["encoder=lstmm"]) == training_help(["encoder"])


@pytest.mark.parametrize("target", ["seqclf.run.evaluate.evaluate", "seqclf.run.predict.predict"])
def test_a_script_shows_its_arguments_and_what_they_mean(target: str) -> None:
    shown = script_help(target)
    assert "model=..." in shown
    assert "[output=...]" in shown or " output=..." in shown
    assert "model: a model folder" in shown


def test_a_group_that_there_is_not_is_said() -> None:
    with pytest.raises(UserError, match=r"^--help tasks: there is no group 'tasks'\. Did you mean 'task'\?$"):
        training_help(["--help", "tasks"])
    assert training_help(["--config-dir", "mine", "--help"]) == training_help()
