"""The subcommands of ``acp-agent models`` that change nothing.

Owns what they print. Does not own what is found (``acp_agent.models``,
``harmony/golden``).
"""

from acp_agent.cli.models.place import Place
from acp_agent.engine.launch import explain_no_gpu, explain_unsupported
from acp_agent.models.catalogue import CatalogueEntry, format_size
from acp_agent.models.lookup import recommend
from acp_agent.models.store import InstalledModel


def show_list(place: Place) -> int:
    """Prints what can be installed and what is."""
    installed = {model.id: model for model in place.store.installed()}
    for entry in place.catalogue.values():
        print(f"{entry.id}: {entry.name}, {_state(place, entry, installed.get(entry.id))}")
        print(f"  {entry.description}")
        print(f"  {describe_facts(entry)}")
    for model in installed.values():
        if model.id not in place.catalogue:
            missing = place.store.explain_missing(model.id)
            state = "not there" if missing else f"installed{_revision(model)}"
            print(f"{model.id}: {model.name}, {state}\n  {model.description}")
    print("Others by short names, as in `acp-agent models install qwen2.5-coder:7b:4bit`.")
    return 0


def show_recommendations(place: Place) -> int:
    """Prints what to say of each model on this machine."""
    unsupported = explain_unsupported()
    if unsupported is None and (slow := explain_no_gpu()) is not None:
        print(slow)
    for each in recommend(unsupported, place.memory, place.catalogue):
        print(f"{each.entry.id}: {each.verdict}\n  {each.reason}")
    return 0


def show_path(place: Place, name: str) -> int:
    """Prints the folder of an installed model."""
    print(place.find_model(name).path)
    return 0


def check_template(place: Place, name: str) -> int:
    """Compares the prompts of an installed model, or a model folder, with known ones."""
    from acp_agent.harmony.golden import GOLDEN_PROMPTS
    from acp_agent.harmony.golden import check_template as find_differences

    differences = find_differences(place.find_model(name).path)
    for difference in differences:
        print(f"{difference.name}:\n{difference.describe()}")
    if differences:
        print(f"{len(differences)} of {len(GOLDEN_PROMPTS)} prompts differ.")
        return 1
    print(f"All {len(GOLDEN_PROMPTS)} prompts are as they should be.")
    return 0


def describe_facts(entry: CatalogueEntry) -> str:
    """Licence and sizes, in sentences."""
    facts = entry.install_terms
    if entry.disk_bytes is not None:
        facts += f" On disk: up to {format_size(entry.disk_bytes)}."
    return facts


def _state(place: Place, entry: CatalogueEntry, model: InstalledModel | None) -> str:
    if model is not None:
        return f"installed{_revision(model)}"
    unfinished = place.store.unfinished(entry.id)
    if unfinished is None:
        return "not installed"
    done, total = unfinished
    return f"not installed yet: {format_size(done)} of {format_size(total)} have arrived"


def _revision(model: InstalledModel) -> str:
    return f" (revision {model.revision})" if model.revision else ""
