"""Where models are and which there are, for this user.

Owns putting paths, configuration and machine together, and which model on this machine a
name means, be it an id or a folder. Does not own any of them.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from acp_agent.app.backends import custom_models
from acp_agent.config.load import load_settings
from acp_agent.config.machine import Machine
from acp_agent.config.paths import find_paths
from acp_agent.engine.folder import is_model_folder
from acp_agent.errors import ResourceNotFound
from acp_agent.models.catalogue import CatalogueEntry
from acp_agent.models.custom import extend_catalogue
from acp_agent.models.lookup import find_entry
from acp_agent.models.short_names import folder_id
from acp_agent.models.store import InstalledModel, ModelStore
from acp_agent.models.structure import read_context_size


@dataclass(slots=True, frozen=True)
class Place:
    """The models folder and what can be in it.

    Args:
        memory: bytes of this machine; None where they are not known or not to be minded.
    """

    folder: Path
    store: ModelStore
    catalogue: Mapping[str, CatalogueEntry]
    memory: int | None

    def find_folder(self, name: str) -> InstalledModel | None:
        """The user's own folder that ``name`` means; None where it means another model.

        Args:
            name: a name of the configuration, or a path. A relative path of one word counts
                only where no model is called so.

        Raises:
            ResourceNotFound: there is no model in it.
        """
        if (reason := self.store.explain_missing(name)) is not None:
            raise ResourceNotFound(reason)
        if (own := self.store.find_own(name)) is not None:
            return own
        folder = Path(name).expanduser().absolute()
        is_path = os.sep in name or name in (".", "..", "~")
        if not is_path and (self._is_known(name) or not is_model_folder(folder)):
            return None
        if not is_model_folder(folder):
            raise ResourceNotFound(
                f"{name} is no folder with an MLX model (no config.json): correct the path."
            )
        return InstalledModel(
            id=folder.name,
            path=folder,
            name=folder.name,
            description="A folder of your own.",
            context_size=read_context_size(folder),
        )

    def find_model(self, name: str) -> InstalledModel:
        """The model on this machine that ``name`` means: a folder, an id, or a short name.

        Raises:
            ResourceNotFound: there is none; the message says how to install it, if it can be.
        """
        model = self.find_folder(name) or self.store.find(folder_id(name))
        if model is None:
            find_entry(name, self.catalogue)
            raise ResourceNotFound(
                f"{name} is not installed: `acp-agent models install {name}` does that."
            )
        return model

    def _is_known(self, name: str) -> bool:
        return name in self.catalogue or self.store.find(folder_id(name)) is not None


def find_place() -> Place:
    """This user's.

    Raises:
        ConfigError: the configuration is not usable.
    """
    paths = find_paths()
    settings = load_settings(paths, os.environ).settings
    custom = custom_models(settings)
    return Place(
        folder=paths.models,
        store=ModelStore(paths.models, custom),
        catalogue=extend_catalogue(custom),
        memory=None if settings.engine.ignore_memory else Machine().total(),
    )
