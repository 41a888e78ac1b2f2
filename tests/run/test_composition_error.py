import pytest

from seqclf.errors import UserError
from seqclf.run.compose import compose, plain


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("sed=3", "There is no 'sed'. Did you mean 'seed'?"),
        ("encodr=lstm", "There is no 'encodr'. Did you mean 'encoder'?"),
        ("encoder=lstmm", "encoder=lstmm: encoder has no choice 'lstmm'. Did you mean 'lstm'?"),
        ("optimizer=adamww", "optimizer=adamww: optimizer has no choice 'adamww'. Did you mean 'adamw'?"),
        ("wide=ngram", "wide=ngram: wide has no choice 'ngram'. Did you mean 'ngrams'?"),
        ("recipe/task@recipe=par", "recipe/task=par: recipe/task has no choice 'par'. Did you mean 'pair'?"),
        ("encoder=null", "encoder=null: encoder has no choice 'null'. Choose from: "),
        ("trainer.max_epoch=3", "There is no 'trainer.max_epoch'. Did you mean 'max_epochs'?"),
        ("max_epochs=3", "There is no 'max_epochs'. Did you mean 'trainer.max_epochs'?"),
        ("lstm", "'lstm' is not KEY=VALUE. Did you mean encoder=lstm?"),
        ("what", "'what' is not KEY=VALUE."),
        ("data.text=[a,b", "'data.text=[a,b' cannot be read: "),
        (
            "data.text=a,b",
            "'data.text=a,b' is several values. Add -m for a run of each; one list is 'data.text=[a,b]'.",
        ),
        ("~foo", "Could not delete from config. 'foo' does not exist."),
        ("+encoder=lstm", "Multiple values for encoder."),
        ("hydra/launcher=slum", "hydra/launcher=slum: hydra/launcher has no choice 'slum'."),
    ],
)
def test_what_hydra_refuses_is_explained(override: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        compose(override)
    assert str(caught.value).startswith(message)


def test_a_key_of_a_group_that_nothing_is_chosen_for_names_the_choices() -> None:
    choices = "characters, ngrams, none"
    with pytest.raises(UserError, match=rf"^Nothing is chosen for 'wide'\. Choose first, wide=\.\.\.: {choices}\.$"):
        compose("encoder=lstm", "wide.ngrams=3")


def test_an_interpolation_that_leads_nowhere_names_its_key() -> None:
    with pytest.raises(UserError, match=r"^seed: Interpolation key 'nowhere\.at\.all' not found\.$"):
        plain(compose("seed=${nowhere.at.all}"))
