"""The Hugging Face hub: files that are fetched from it, and files that are put there. No code of it is run."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from seqclf.errors import UserError

SECONDS = 10.0  # that the hub may take to answer
_NOT_HERE = "is no folder and was not fetched before"
_ADVICE = "Give a local folder, or fetch it where there is a network."

log = logging.getLogger("seqclf")


def fetch(name: str, files: Sequence[str], said: str, revision: str | None = None, newest: bool = True) -> Path:
    """The folder, in the hub's own cache, of the files of a repository.

    Args:
        name: the id, `owner/name`.
        files: the names, or patterns of names, of the files that are fetched; none of a folder inside unless it is
            named.
        said: what messages call it.
        revision: a branch, a tag or a commit; the main branch unless given.
        newest: whether the hub is asked for what is newest though there is something in the cache; the cache serves
            where the hub cannot be reached.

    Raises:
        UserError: for what is neither in the cache nor within reach; at once where HF_HUB_OFFLINE is set.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError, RevisionNotFoundError

    inside = any("/" in pattern for pattern in files)
    options: dict[str, Any] = {"allow_patterns": list(files), "ignore_patterns": None if inside else ["*/*"]}
    options |= {"revision": revision, "etag_timeout": SECONDS}
    kept: Path | None = None
    try:
        kept = Path(snapshot_download(name, local_files_only=True, **options))
    except HFValidationError as error:
        raise UserError(f"{said}: there is no such folder, and it is no id of the hub.") from error
    except OSError:  # not fetched before
        pass
    if kept is not None and (offline() or not newest):
        return kept
    if offline():
        raise UserError(f"{said} {_NOT_HERE}, and HF_HUB_OFFLINE forbids to ask the hub. {_ADVICE}")
    try:
        HfApi().model_info(name, revision=revision, timeout=SECONDS)  # what follows would wait much longer
        return Path(snapshot_download(name, **options))
    except RevisionNotFoundError as error:
        raise UserError(f"{said}: the hub's {name} has no revision {revision!r}.") from error
    except RepositoryNotFoundError as error:
        raise UserError(
            f"{said}: there is no such folder, and the hub has no such model (or not for you: `hf auth login`)."
        ) from error
    except Exception as error:  # the network fails in the ways of three libraries
        reason = _reason(error)
        if kept is not None:
            log.warning("The hub cannot be reached (%s): %s is what was fetched before.", reason, said)
            return kept
        raise UserError(f"{said} {_NOT_HERE}, and the hub cannot be reached: {reason}.") from error


def upload(
    name: str,
    files_of: Callable[[str], Mapping[str, Path | bytes]],
    replaced: Sequence[str],
    message: str,
    private: bool | None = None,
    revision: str | None = None,
    token: str | None = None,
) -> str:
    """Put files into a repository of models, which is made where there is none, in one commit.

    Args:
        name: the id, `owner/name`; without an owner it is the user's own.
        files_of: of the id with its owner what is put there, by name: a file, or its content.
        replaced: names of files that are removed where they are there and not put there.
        message: of the commit.
        private: whether a repository that is made is private; None for what is usual with the account.
        revision: the branch; the main one unless given.
        token: of the hub; None for that of `hf auth login` or HF_TOKEN.

    Returns:
        The id, with its owner.

    Raises:
        UserError: where the hub cannot be reached, or refuses; at once where HF_HUB_OFFLINE is set.
    """
    if offline():
        raise UserError(f"{name} cannot be uploaded: HF_HUB_OFFLINE forbids to ask the hub.")
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, get_token

    token = token or get_token()
    if token is None:
        raise UserError(f"{name} cannot be uploaded: the hub does not know you. `hf auth login`, or set HF_TOKEN.")
    api = HfApi(token=token)
    with _said(name):
        _reach(api, name)
        name = api.create_repo(name, private=private, exist_ok=True).repo_id
        if revision is not None:
            api.create_branch(name, branch=revision, exist_ok=True)
        files = files_of(name)
        there = set(api.list_repo_files(name, revision=revision))
        operations: list[Any] = [CommitOperationAdd(own, source) for own, source in files.items()]
        operations += [CommitOperationDelete(own) for own in replaced if own in there and own not in files]
        api.create_commit(name, operations, commit_message=message, revision=revision)
    return name


def offline() -> bool:
    """Whether the environment forbids to ask the hub."""
    said = [os.environ.get(name, "").upper() for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")]
    return any(value in ("1", "TRUE", "YES", "ON") for value in said)


def in_cache(path: Path) -> bool:
    """Whether a path, and what it is a link to, lies in the cache of the hub, which is made of links."""
    from huggingface_hub import constants

    cache = Path(constants.HF_HUB_CACHE).expanduser()
    return path.absolute().is_relative_to(cache.absolute()) and path.resolve().is_relative_to(cache.resolve())


def _reach(api: Any, name: str) -> None:
    """See that the hub answers, since what follows would wait for ever; the repository need not be there."""
    from huggingface_hub.errors import RepositoryNotFoundError

    with suppress(RepositoryNotFoundError):
        api.model_info(name, timeout=SECONDS)


@contextmanager
def _said(name: str) -> Iterator[None]:
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        yield
    except HFValidationError as error:
        raise UserError(f"{name} is no id of the hub: {_reason(error)}.") from error
    except HfHubHTTPError as error:
        raise UserError(f"The hub refuses {name}: {_reason(error)}.") from error
    except Exception as error:  # the network fails in the ways of three libraries
        raise UserError(f"{name} cannot be uploaded, for the hub cannot be reached: {_reason(error)}.") from error


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
