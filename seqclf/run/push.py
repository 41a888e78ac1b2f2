"""A model folder onto the Hugging Face hub."""

from __future__ import annotations

from rich.console import Console

from seqclf.inference.hub_folder import push_model_folder


def push(
    model: str, repo: str, private: bool | None = None, message: str | None = None, revision: str | None = None
) -> str:
    """Put a model folder on the Hugging Face hub, in one commit. `hf auth login` or HF_TOKEN says who you are.

    Args:
        model: a model folder; README.md in it is the model card.
        repo: the id, owner/name; without an owner it is your own. It is made where there is none.
        private: whether a repository that is made is private; null for what is usual with your account.
        message: of the commit.
        revision: the branch; the main one unless typed.

    Returns:
        The id, with its owner.

    Raises:
        UserError: for a folder that is no model folder, and where the hub cannot be reached or refuses.
    """
    name = push_model_folder(model, repo, private, message, revision)
    Console(highlight=False).print(
        f"{name} is on the hub: SequenceClassifier.from_pretrained({name!r})", soft_wrap=True
    )
    return name
