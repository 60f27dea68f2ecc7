"""Models that the user names in the configuration: a repository or a folder of their own.

Owns what such a model is as a catalogue entry or as an installed model. Does not own the
setting's shape (``config``) or the transfer (``models/hub``).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from acp_agent.models.catalogue import CATALOGUE, GIB, CatalogueEntry, HubSource


@dataclass(slots=True, frozen=True)
class CustomModel:
    """A model of the user's: either ``repo`` or ``path`` is given.

    Args:
        id: the name in the configuration.
        repo: ``owner/name`` of an MLX repository on the hub.
        path: an MLX model folder, which is used where it is and never changed.
        revision: branch, tag or commit of ``repo``.
        name: for display; None for the id.
        licence: SPDX identifier, where the user knows it.
        context_size: tokens; None where its files say.
        minimum_memory: GiB that the machine must have; None where that is not known.
    """

    id: str
    repo: str | None = None
    path: Path | None = None
    revision: str = "main"
    name: str | None = None
    licence: str = ""
    context_size: int | None = None
    minimum_memory: float | None = None

    def entry(self) -> CatalogueEntry | None:
        """What installing it means; None for a folder, which needs no installing."""
        if self.repo is None:
            return None
        memory = None if self.minimum_memory is None else int(self.minimum_memory * GIB)
        return CatalogueEntry(
            id=self.id,
            name=self.name or self.id,
            description=f"From the configuration: {self.repo}.",
            licence=self.licence,
            licence_url="",
            download_bytes=None,
            disk_bytes=None,
            context_size=self.context_size,
            source=HubSource(self.repo, self.revision),
            minimum_memory=memory,
        )


def extend_catalogue(
    custom: Iterable[CustomModel], catalogue: Mapping[str, CatalogueEntry] = CATALOGUE
) -> Mapping[str, CatalogueEntry]:
    """``catalogue`` with the repositories among ``custom``, which go before equal ids."""
    own = {model.id: entry for model in custom if (entry := model.entry()) is not None}
    return {**catalogue, **own}
