"""The subcommands of ``acp-agent models`` that install, repair and remove.

Owns the question for the licence and what is printed. Does not own the work
(``models/install``, ``engine/convert``).
"""

import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from acp_agent.cli.models.place import Place
from acp_agent.cli.models.progress import showing_progress
from acp_agent.cli.models.views import describe_facts
from acp_agent.engine.convert import convert_gguf
from acp_agent.engine.launch import explain_unsupported
from acp_agent.errors import AgentError, InstallError
from acp_agent.models.catalogue import GPT_OSS_MODEL, CatalogueEntry
from acp_agent.models.install import Report, abandon, install, repair
from acp_agent.models.licence import LicenceAcknowledgement, LicenceRequired, LicenceTerms
from acp_agent.models.lookup import find_entry, refuse_unfit
from acp_agent.models.short_names import folder_id
from acp_agent.models.store import InstalledModel
from acp_agent.models.structure import explain_broken

_INTERRUPTED = 130
_YES = ("y", "yes")

_Result = TypeVar("_Result")


def install_model(place: Place, name: str, is_accepted: bool) -> int:
    """Installs a model, after its licence was accepted; 1 where it was declined."""
    if place.find_folder(name) is not None:
        print(f"{name} is a folder of your own, so there is nothing to install.")
        return 0
    if name not in place.catalogue and (model := place.store.find(name)) is not None:
        return _explain_installed(place, model)
    entry = find_entry(name, place.catalogue)
    if _is_sound(place, entry):
        print(f"{entry.name} is already installed.")
        return 0
    if reason := explain_unsupported():
        raise AgentError(reason)
    refuse_unfit(entry, place.memory)
    print(f"{entry.name}: {entry.description}\n{describe_facts(entry)}", flush=True)
    try:
        model = _install(place, entry, is_accepted)
    except KeyboardInterrupt:
        return _explain_interrupt(place, entry)
    if model is None:
        print(f"Declined: {entry.name} is not installed.")
        return 1
    print(f"{model.name} is installed: {_next_step(model)}")
    return 0


def verify_model(place: Place, name: str, *, is_repair: bool) -> int:
    """Prints what is with each file; 1 where something is wrong and stays so."""
    if (own := place.find_folder(name)) is not None:
        return _verify_folder(name, own)
    model_id = folder_id(name)
    manifest = place.store.require(model_id)
    problems = {problem.path: problem.kind for problem in place.store.verify(model_id)}
    for path in sorted({*problems, *(file.path for file in manifest.files)}):
        print(f"{path}: {problems.get(path, 'valid')}")
    if not problems:
        print(f"{model_id} is valid: every file is as it was installed.")
        return 0
    if not is_repair:
        raise InstallError(f"{model_id} is damaged: add --repair to fetch again what is broken.")
    try:
        _run(lambda report: _repair(place, model_id, report))
    except KeyboardInterrupt:
        print("acp-agent: Interrupted: what has arrived is kept.", file=sys.stderr)
        return _INTERRUPTED
    print(f"{model_id} is repaired: every file is as it was installed.")
    return 0


def _verify_folder(name: str, own: InstalledModel) -> int:
    """Prints what can be said of a folder whose files nobody has recorded."""
    print(f"{name} is a folder of your own, so there are no checksums to compare it with.")
    if (fault := explain_broken(own.path)) is not None:
        raise InstallError(f"It is no whole model: {fault}. Fetch it again from where it came.")
    print("It has a config.json, and its weights are whole in themselves.")
    return 0


def remove_model(place: Place, name: str) -> int:
    """Deletes a model and what an unfinished download of it left."""
    if place.find_folder(name) is not None:
        raise InstallError(
            f"{name} is a folder of your own, which is never changed: delete it yourself, and "
            "take it out of the configuration."
        )
    place.store.remove(folder_id(name))
    print(f"{name} is removed.")
    return 0


def _explain_installed(place: Place, model: InstalledModel) -> int:
    """What there is to say of a model that was installed by a short name."""
    if (reason := place.store.check(model.id)) is not None:
        raise InstallError(reason)
    print(f"{model.name} is already installed.")
    return 0


def _is_sound(place: Place, entry: CatalogueEntry) -> bool:
    return place.store.find(entry.id) is not None and place.store.check(entry.id) is None


def _install(place: Place, entry: CatalogueEntry, is_accepted: bool) -> InstalledModel | None:
    """The installed model; None where the user declined its licence."""
    accept: LicenceAcknowledgement | None = None
    while True:
        try:
            return _run(lambda report, accept=accept: _fetch(place, entry, accept, report))
        except LicenceRequired as required:
            terms = required.terms
        print(terms.summary, flush=True)
        if not is_accepted and not _ask(terms):
            _abandon(place, entry)
            return None
        accept = terms.accept()


def _ask(terms: LicenceTerms) -> bool:
    """Shows the licence and asks.

    Raises:
        AgentError: there is nobody to be asked.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise AgentError(
            f"The licence of {terms.name} must be accepted: read it ({terms.address}), then run "
            "the command again with --accept-license."
        )
    print(f"\n{terms.printable}\n")
    try:
        answer = input("Accept this licence and install the model? [y/N] ")
    except EOFError:
        return False
    return answer.strip().lower() in _YES


def _fetch(
    place: Place, entry: CatalogueEntry, accept: LicenceAcknowledgement | None, report: Report
) -> Awaitable[InstalledModel]:
    return install(
        entry.id,
        place.folder,
        convert=convert_gguf,
        report=report,
        catalogue={**place.catalogue, entry.id: entry},
        accept=accept,
        memory=place.memory,
    )


def _abandon(place: Place, entry: CatalogueEntry) -> None:
    import anyio

    catalogue = {**place.catalogue, entry.id: entry}
    anyio.run(partial(abandon, entry.id, place.folder, catalogue=catalogue))


def _repair(place: Place, model_id: str, report: Report) -> Awaitable[object]:
    return repair(
        model_id, place.folder, convert=convert_gguf, report=report, catalogue=place.catalogue
    )


def _run(work: Callable[[Report], Awaitable[_Result]]) -> _Result:
    import anyio

    async def main() -> _Result:
        return await work(report)

    with showing_progress() as report:
        return anyio.run(main)


def _explain_interrupt(place: Place, entry: CatalogueEntry) -> int:
    if place.store.find(entry.id) is not None:
        message = f"Interrupted, but {entry.name} is installed."
    elif place.store.unfinished(entry.id) is not None:
        message = (
            "Interrupted: what has arrived is kept, and "
            f"`acp-agent models install {entry.id}` goes on from there."
        )
    else:
        message = "Interrupted: nothing was installed."
    print(f"acp-agent: {message}", file=sys.stderr)
    return _INTERRUPTED


def _next_step(model: InstalledModel) -> str:
    commit = f" Its revision is {model.revision}." if model.revision else ""
    mode = "gptoss_20b" if model.id == GPT_OSS_MODEL else f"mlx, model {model.id}"
    return f"choose mode {mode}.{commit}"
