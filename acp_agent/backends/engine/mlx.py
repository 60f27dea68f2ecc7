"""The backend of mode ``mlx``: all local MLX models.

Owns which models the mode offers. Does not own the course of a request (``mode``).
"""

from pathlib import Path

from acp_agent.backends.base import Model, Readiness
from acp_agent.backends.engine.mode import EngineMode, as_folder, describe, describe_folder

_EFFORT = "medium"


class MlxBackend(EngineMode):
    """Models that the engine runs. A backend and an installer."""

    id = "mlx"
    name = "MLX"
    description = "Local models in this agent's own engine"

    def _read_readiness(self) -> Readiness:
        models = [describe(model, _EFFORT) for model in self._find_models()]
        known = {model.id for model in models}
        wanted = self._settings.model
        if wanted not in known and (folder := as_folder(wanted)):
            models.append(describe_folder(wanted, folder.name, folder, _EFFORT))
            known.add(wanted)
        for missing in self._offered.values():
            if missing.id not in known:
                state = self._explain_unfit_offer(missing) or self._say_missing(missing.id)
                about = f"{state} {missing.description}"
                models.append(Model(missing.id, missing.name, about, missing.context_size))
        offered = tuple(models)
        if wanted in known:
            return Readiness(True, models=offered, default_model=wanted)
        if wanted in self._offered:
            missing = self._offered[wanted]
            offer = f"The first prompt offers it: {missing.install_title}."
            reason = self._explain_unfit_offer(missing) or offer
            return Readiness(True, reason, False, offered, wanted)
        reason = (
            f"The configured model {Path(wanted).name!r} is not installed: choose another one, or "
            "change `mlx.model`."
        )
        # It stays the default: another one in its place would be a silent substitute.
        return Readiness(True, reason, False, offered, wanted)
