"""A download under way: what is wanted, and what of it has arrived.

Owns the hidden folder beside the models in which an unfinished download waits for the next
attempt. Does not own the transfer (``models/hub``) or making a model visible.

``.ID.download/plan.json`` names repository, commit and files; ``COMMIT/files`` and
``COMMIT/partial`` below it are the transfer's.
"""

import os
import shutil
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from acp_agent.models.catalogue import HubSource
from acp_agent.models.hub.messages import HubFile, Snapshot
from acp_agent.models.licence import is_licence_file

_EXTRA_NAMES = ("README.md", "tokenizer.model", "tiktoken.model")
_EXTRA_SUFFIXES = (".json", ".jinja", ".txt", ".tiktoken", ".jsonl")


class Plan(BaseModel):
    """What an installation brings: decided at its first attempt and kept from then on."""

    model_config = ConfigDict(frozen=True)

    source: str
    snapshot: Snapshot
    files: tuple[HubFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


class Pending:
    """The unfinished download of the model ``model_id`` below the models folder."""

    def __init__(self, models: Path, model_id: str) -> None:
        self.folder = models / f".{model_id}.download"

    def load(self, source: HubSource | None = None) -> Plan | None:
        """The plan of an earlier attempt; None where there is none, or for another source."""
        try:
            plan = Plan.model_validate_json((self.folder / "plan.json").read_bytes())
        except (OSError, ValidationError):
            return None
        return plan if source is None or plan.source == str(source) else None

    def save(self, plan: Plan) -> None:
        """Begins anew with ``plan``."""
        self.discard()
        self.area(plan).mkdir(parents=True)
        temporary = self.folder / "plan.json.new"
        temporary.write_text(plan.model_dump_json(), encoding="utf-8")
        temporary.replace(self.folder / "plan.json")

    def area(self, plan: Plan) -> Path:
        """The folder that the transfer fills."""
        return self.folder / plan.snapshot.commit

    def arrived(self, plan: Plan) -> int:
        """Bytes that are here, whole files and parts."""
        area = self.area(plan)
        return sum(
            _size(area / "files" / file.path) or _size(area / "partial" / file.path)
            for file in plan.files
        )

    def discard(self) -> None:
        """Deletes everything of it.

        Raises:
            OSError: it cannot be deleted.
        """
        if self.folder.exists():
            shutil.rmtree(self.folder)


def choose_files(snapshot: Snapshot) -> tuple[HubFile, ...]:
    """Those files of a repository that a model folder needs: weights, settings, texts.

    No Python files: MLX would run them. Nothing in folders, which hold other formats.
    """
    return tuple(file for file in snapshot.files if _is_wanted(file.path))


def _is_wanted(path: str) -> bool:

    if "/" in path or path.startswith(".") or path == "manifest.json":
        return False
    if path.endswith(".safetensors"):
        return path.startswith("model")
    return path in _EXTRA_NAMES or path.endswith(_EXTRA_SUFFIXES) or is_licence_file(path)


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
