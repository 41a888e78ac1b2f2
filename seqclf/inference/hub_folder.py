"""Model folders on the Hugging Face hub."""

from __future__ import annotations

import re
from pathlib import Path

from seqclf.errors import UserError
from seqclf.hub import fetch, upload
from seqclf.inference.model_card import PLACE, README_FILE, read_card
from seqclf.inference.model_folder import HASHED_FILES, MANIFEST_FILE, POSSIBLE_FILES, load_vocabulary

FILES = (*HASHED_FILES, MANIFEST_FILE, README_FILE, *POSSIBLE_FILES)  # all that is ever fetched or put there
_ID = re.compile(r"(?P<name>[\w-][\w.-]*/[\w-][\w.-]*)(?:@(?P<revision>[^@\s]+))?")


def find_model_folder(model: Path | str, revision: str | None = None) -> Path:
    """The folder of a model: the local one of that name, or what the hub has. Nothing in it is checked yet.

    Args:
        model: a folder, or an id of the hub: `owner/name`, or `owner/name@revision`.
        revision: a branch, a tag or a commit of the hub; the main branch unless given.

    Raises:
        UserError: for what is no folder and not on the hub, or out of reach, and for a revision of a folder.
    """
    folder = Path(model).expanduser()
    if folder.exists():
        if revision is not None:
            raise UserError(f"revision={revision} is for models of the hub, but {model} is a folder of this machine.")
        return folder
    found = _ID.fullmatch(model) if isinstance(model, str) else None
    if found is None:
        raise UserError(
            f"{model} is not a model folder: there is no such folder, and an id of the hub would be owner/name."
        )
    return fetch(found["name"], FILES, str(model), revision or found["revision"])


def push_model_folder(
    folder: Path | str,
    repo: str,
    private: bool | None = None,
    message: str | None = None,
    revision: str | None = None,
    token: str | None = None,
) -> str:
    """Put a model folder on the hub, in one commit; of a model that was there nothing stays.

    Args:
        folder: a model folder. It is checked first; what else lies in it is not uploaded.
        repo: the id, `owner/name`; without an owner it is the user's own. It is made where there is none.
        private: whether a repository that is made is private; None for what is usual with the account.
        message: of the commit.
        revision: the branch; the main one unless given.
        token: of the hub; None for that of `hf auth login` or HF_TOKEN.

    Returns:
        The id, with its owner: what `from_pretrained` takes.

    Raises:
        UserError: for a folder that is no model folder, and where the hub cannot be reached or refuses.
    """
    folder = Path(folder)
    load_vocabulary(folder)
    files: dict[str, Path | bytes] = {name: folder / name for name in FILES if (folder / name).is_file()}
    card = read_card(folder)

    def files_of(name: str) -> dict[str, Path | bytes]:
        return files if card is None else {**files, README_FILE: card.replace(PLACE, name).encode()}

    return upload(repo, files_of, FILES, message or "A model of seqclf", private, revision, token)
