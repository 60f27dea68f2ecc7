"""The backend of mode ``gptoss_20b``: gpt-oss in this project's own engine.

Owns which models the mode offers, and that it is not offered where the machine is too
small. Does not own the course of a request or the state of a model (``mode``).
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from acp_agent.backends.base import Model, Readiness
from acp_agent.backends.engine.answer import Engine
from acp_agent.backends.engine.mode import (
    HARMONY_LEVELS,
    EngineMode,
    Install,
    LocalModel,
    OfferedModel,
    as_folder,
    describe,
    describe_folder,
    is_gpt_oss,
)
from acp_agent.config.settings import GptOssSettings


class GptOssBackend(EngineMode):
    """gpt-oss models. A backend and an installer.

    Args:
        effort: the reasoning effort where the session chose none.
    """

    id = "gptoss_20b"
    name = "GPT-OSS 20B"
    description = "OpenAI's open model, on this machine in this agent's own engine"

    def __init__(
        self,
        settings: GptOssSettings,
        engine: Engine,
        *,
        find_models: Callable[[], Sequence[LocalModel]],
        check: Callable[[str], str | None],
        unfinished: Callable[[str], tuple[int, int] | None],
        offered: OfferedModel,
        install: Install,
    ) -> None:
        super().__init__(
            settings,
            engine,
            find_models=find_models,
            check=check,
            unfinished=unfinished,
            offered=[offered],
            install=install,
        )
        self._effort = settings.reasoning_effort

    def _read_readiness(self) -> Readiness:
        wanted = self._settings.model
        models = self._offered_models(wanted)
        if any(model.id == wanted for model in models):
            return Readiness(True, models=models, default_model=wanted)
        offered = self._offered.get(wanted)
        if offered is None:
            return Readiness(False, self._explain_wrong(wanted), False, models)
        if reason := self._explain_unfit_offer(offered):
            return Readiness(False, reason, False, models)
        about = f"{self._say_missing(offered.id)} {offered.description}"
        missing = Model(
            offered.id,
            offered.name,
            about,
            offered.context_size,
            thought_levels=HARMONY_LEVELS,
            thought_default=self._effort,
            tools="native",
        )
        reason = f"{self._say_missing(wanted)} The first prompt offers it: {offered.install_title}."
        return Readiness(True, reason, False, (*models, missing), wanted)

    def _explain_wrong(self, wanted: str) -> str:
        """Why the configured model cannot be run: it is of another kind, or not there."""
        is_listed = any(model.id == wanted for model in self._find_models())
        if is_listed and (fault := self._check(wanted)) is not None:
            return fault
        name = Path(wanted).name
        if name == wanted:
            what, remedy = "is no installed gpt-oss model", "install it"
        else:
            what, remedy = "is no folder with a gpt-oss model", "correct its path"
        return f"The configured model {name!r} {what}: {remedy}, or change `gptoss.model`."

    def _offered_models(self, wanted: str) -> tuple[Model, ...]:
        found = [model for model in self._find_models() if is_gpt_oss(model.path)]
        models = [describe(model, self._effort) for model in found]
        known = {model.id for model in models}
        if wanted not in known and (folder := as_folder(wanted)) and is_gpt_oss(folder):
            models.append(describe_folder(wanted, folder.name, folder, self._effort))
        return tuple(models)
