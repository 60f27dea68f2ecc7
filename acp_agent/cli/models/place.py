"""Where models are and which there are, for this user.

Owns putting paths, configuration and machine together. Does not own any of them.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from acp_agent.app import custom_models
from acp_agent.config.load import load_settings
from acp_agent.config.machine import Machine
from acp_agent.config.paths import find_paths
from acp_agent.models.catalogue import CatalogueEntry
from acp_agent.models.custom import extend_catalogue
from acp_agent.models.store import ModelStore


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
