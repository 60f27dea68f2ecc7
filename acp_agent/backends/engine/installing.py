"""Installing a model for the engine's modes.

Owns what the user is asked and shown meanwhile. Does not own the installation itself
(``acp_agent.models``), nor the conversion (``acp_agent.engine.convert``).
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from acp_agent.backends.base import Ask, Progress, Report
from acp_agent.engine.convert import convert_gguf
from acp_agent.models.catalogue import CatalogueEntry
from acp_agent.models.install import abandon, install
from acp_agent.models.licence import LicenceRequired
from acp_agent.models.pace import Pace
from acp_agent.models.steps import NOTE


async def install_model(
    folder: Path,
    catalogue: Mapping[str, CatalogueEntry],
    memory: int | None,
    model: str,
    report: Report,
    ask: Ask,
) -> None:
    """Installs ``model`` from ``catalogue`` below ``folder``, each step as a progress.

    ``memory`` is the machine's in bytes, None to install whatever its size. The user has
    seen ``install_terms`` with the offer; ``ask`` shows the licence's text, unless all that
    there is of it stood there: its name and its address.

    Raises:
        AgentError: it could not be installed, with what to do next.
    """
    steps = Steps(report)
    fetch = partial(
        install,
        model,
        folder,
        convert=convert_gguf,
        report=steps.report,
        catalogue=catalogue,
        memory=memory,
    )
    try:
        await fetch()
    except LicenceRequired as required:
        terms = required.terms
        await steps.finish()
        seen = model in catalogue and terms.text in catalogue[model].install_terms
        text = f"{terms.summary}\n\n{terms.excerpt}"
        if not seen and not await ask(f"Accept the licence of {terms.name}", text):
            await abandon(model, folder, catalogue=catalogue)
            raise
        await fetch(accept=terms.accept())
    await steps.finish()


class Steps:
    """Stages of an installation as the progress of steps."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._pace = Pace()
        self._last: Progress | None = None
        self._stage = ""
        self._count = 0

    async def report(self, title: str, done: int | None, total: int | None) -> None:
        """Tells a stage, which may bear a note; another stage ends the one before."""
        pace = self._pace.describe(title, done, total) if done is not None and total else ""
        pace = pace.removeprefix(", ")
        stage = title.partition(NOTE)[0]
        if self._last is not None and self._stage == stage:
            self._last = replace(self._last, title=title, done=done, total=total, pace=pace)
        else:
            await self.finish()
            step = f"install-{self._count}"
            self._last = Progress(step, title, done, total, "B", pace=pace)
            self._count += 1
            self._stage = stage
        await self._report(self._last)

    async def finish(self) -> None:
        """Ends the last stage."""
        if self._last is not None:
            last, self._last = self._last, None
            await self._report(replace(last, title=self._stage, finished=True, pace=""))
