"""A bundle as a repository of the Hugging Face Hub: its files at the root, and a model card, which is a sidecar of the bundle.

A clone of the repository, and a snapshot in the Hub's cache, are the bundle.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from torchferry.bundle.pack import files_of
from torchferry.bundle.reader import Bundle, open_bundle, open_own_bundle
from torchferry.bundle.trust import Trust
from torchferry.bundle.writer import staging_folder
from torchferry.errors import ExitCode, FerryError
from torchferry.extras import named_extras
from torchferry.integrations.card import model_card

CARD = "README.md"
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def write_layout(bundle: Bundle, folder: Path, *, repository: str | None = None, force: bool = False) -> list[str]:
    """Write what a repository of this bundle holds into a new folder; return the paths. A card that the bundle has is kept.

    repository: its OWNER/NAME, which the card names. Raises FerryError: USAGE for another name, IO where `folder` exists and `force`
    is false or it cannot be written, INTEGRITY.
    """
    if repository is not None:
        _check_name(repository)
    with staging_folder(folder, force=force) as staging:
        files = {CARD: model_card(bundle, repository).encode(), **dict(files_of(bundle))}
        for path, data in files.items():
            (staging / path).parent.mkdir(parents=True, exist_ok=True)
            (staging / path).write_bytes(data)
    return sorted(files)


def push(bundle: Bundle, repository: str, *, private: bool = True, message: str | None = None) -> str:
    """Upload the bundle as one commit of the repository OWNER/NAME, made where it is missing; return the commit's address.

    Files that the repository has beyond the bundle's are removed: a bundle has no unlisted file. The login is that of the Hub's own
    client (`hf auth login`, HF_TOKEN). Raises FerryError: USAGE for another name, UNAVAILABLE without the package, IO where the Hub
    cannot be reached or refuses.
    """
    _check_name(repository)
    with named_extras("push", "hub"):
        from huggingface_hub import HfApi
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "repository"
        write_layout(bundle, folder, repository=repository)
        try:
            api = HfApi()
            api.create_repo(repository, private=private, exist_ok=True)
            done = api.upload_folder(
                repo_id=repository,
                folder_path=folder,
                delete_patterns="*",
                commit_message=message or f"torchferry bundle {bundle.manifest.name}",
            )
        except Exception as error:  # the client has one class for each way to fail
            raise _refused(repository, error) from None
    return str(done.commit_url)


def pull(repository: str, out: Path, *, revision: str | None = None, force: bool = False, trust: Trust | None = None) -> Bundle:
    """Download the repository OWNER/NAME and write it as the bundle `out`, once every digest, and the signature asked for, is right.

    revision: a branch, a tag or a commit. Raises FerryError as push does, and what open_bundle raises; `out` is then as it was.
    """
    _check_name(repository)
    with named_extras("pull", "hub"):
        from huggingface_hub import snapshot_download
    try:
        snapshot = snapshot_download(repository, revision=revision)
    except Exception as error:
        raise _refused(repository, error) from None
    bundle = open_bundle(snapshot, trust=trust)
    write_layout(bundle, out, repository=repository, force=force)
    return open_own_bundle(out)


def _check_name(repository: str) -> None:
    if _REPOSITORY.fullmatch(repository) is None:
        raise FerryError(ExitCode.USAGE, f"repository: got {repository!r}, expected OWNER/NAME")


def _refused(repository: str, error: Exception) -> FerryError:
    said = (str(error).strip() or type(error).__name__).splitlines()[0]
    return FerryError(ExitCode.IO, f"{repository}: the Hub says: {said}; check the name, the network and `hf auth login`")
