"""The licence of a model: what is shown to the user, and that it was accepted.

Owns the text that is shown, its hash, and the error that asks for an answer. Does not own
asking (the command line, the editor) or where the answer is kept (``models/manifest``).
"""

import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from acp_agent.errors import BackendError
from acp_agent.models.catalogue import CatalogueEntry, format_size
from acp_agent.models.manifest import Acknowledgement

EXCERPT_SIZE: Final = 3000
"""Characters of a licence's text that a question in the editor shows, at most."""

_HUB: Final = "https://huggingface.co"
_NAMES = ("licen", "copying", "use_policy", "usage_policy", "notice")


@dataclass(slots=True, frozen=True)
class LicenceAcknowledgement:
    """The user's answer: they accept the text with this hash.

    Args:
        text_sha256: of ``LicenceTerms.text`` in UTF-8, in hex.
        accepted: when, ISO 8601 in UTC.
    """

    text_sha256: str
    accepted: str


@dataclass(slots=True, frozen=True)
class LicenceTerms:
    """What the user is asked to accept before the download begins.

    Args:
        licence: SPDX identifier or name.
        source: the repository's file with the text, or the address of the text.
        text: what to show: the file's contents, or licence and address in one line.
        commit: of the repository, which is what will be installed.
        download_bytes: of the whole repository, as far as it is wanted.
    """

    model: str
    name: str
    licence: str
    source: str
    text: str
    repo: str
    commit: str
    download_bytes: int

    @property
    def text_sha256(self) -> str:
        """The hash of the text, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def summary(self) -> str:
        """The facts in a few lines, without the text."""
        return (
            f"{self.name}: licence {self.licence} ({self.source}).\n"
            f"From {self.repo}, revision {self.commit}, {format_size(self.download_bytes)}."
        )

    @property
    def address(self) -> str:
        """Where the whole text is, on the hub in use where the repository has it."""
        if "://" in self.source:
            return self.source
        repository = f"{(os.environ.get('HF_ENDPOINT') or _HUB).rstrip('/')}/{self.repo}"
        is_file = "/" not in self.source
        return f"{repository}/blob/{self.commit}/{self.source}" if is_file else repository

    @property
    def printable(self) -> str:
        """The text for a person: a file from the net does not get to steer the terminal."""
        return "".join(each for each in self.text if each.isprintable() or each in "\n\t")

    @property
    def excerpt(self) -> str:
        """``printable``; of a long one the start, and where the rest is."""
        text = self.printable
        if len(text) <= EXCERPT_SIZE:
            return f"{text.rstrip()}\n\n(From {self.address})"
        start = text[:EXCERPT_SIZE].rpartition("\n")[0] or text[:EXCERPT_SIZE]
        return (
            f"{start.rstrip()}\n\n(The start of {len(text)} characters. The whole text, whose "
            f"SHA-256 is {self.text_sha256}, is at {self.address})"
        )

    def accept(self) -> LicenceAcknowledgement:
        """The acknowledgement of these terms, now."""
        return LicenceAcknowledgement(
            self.text_sha256, datetime.now(UTC).isoformat(timespec="seconds")
        )

    def record(self, accept: LicenceAcknowledgement | None) -> Acknowledgement:
        """``accept`` as the manifest keeps it.

        Raises:
            LicenceRequired: there is none, or it is for another text.
        """
        if accept is None or accept.text_sha256 != self.text_sha256:
            raise LicenceRequired(self)
        return Acknowledgement(
            licence=self.licence,
            text=self.source,
            text_sha256=self.text_sha256,
            accepted=accept.accepted,
        )


class LicenceRequired(BackendError):
    """A model is not installed before its licence is accepted.

    Args:
        terms: what to show, and what to accept with ``terms.accept()``.
    """

    def __init__(self, terms: LicenceTerms) -> None:
        super().__init__(
            f"{terms.name} is under the licence {terms.licence} ({terms.source}): accept it to "
            "install the model.",
            data={"model": terms.model, "licence": terms.licence},
        )
        self.terms = terms


def is_licence_file(path: str) -> bool:
    """Whether ``path`` in a repository holds a licence or what belongs to one."""
    return "/" not in path and path.lower().startswith(_NAMES)


def is_licence_text(path: str) -> bool:
    """Whether ``path`` is the licence itself, as ``LICENSE`` or ``LICENSE.md``."""
    return "/" not in path and path.lower().partition(".")[0] in ("license", "licence", "copying")


def describe_reference(entry: CatalogueEntry, stated: str | None) -> tuple[str, str]:
    """The licence's name and where its text is, for a repository without the text.

    Args:
        stated: the licence that the repository's card states, if any. Where that is another
            one than the entry's, the name says both.
    """
    name = entry.licence or stated or "not stated"
    if stated is not None and stated.lower() != name.lower():
        name = f"{name} (the repository states: {stated})"
    spdx = f"https://spdx.org/licenses/{stated}.html" if stated else entry.source
    return name, entry.licence_url or str(spdx)
