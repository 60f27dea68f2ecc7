"""The backends of a process.

Owns which there are. Does not own their order of preference (``loading``).
"""

import os
import sys
from pathlib import Path

from acp_agent.backends.base import Ask, Backend, Report
from acp_agent.backends.engine.gptoss import GptOssBackend
from acp_agent.backends.engine.mlx import MlxBackend
from acp_agent.backends.engine.mythos import MythosBackend, find_gpt_oss_tokenizer
from acp_agent.backends.engine.mythos_variants import read_variants
from acp_agent.backends.ollama.backend import OllamaBackend
from acp_agent.backends.openai.backend import OpenAIBackend
from acp_agent.backends.scripted import ScriptedBackend
from acp_agent.config.paths import Paths
from acp_agent.config.settings import Settings
from acp_agent.engine.client import EngineClient
from acp_agent.engine.launch import explain_no_mythos
from acp_agent.models.catalogue import BUILTIN_MODEL, CATALOGUE, GPT_OSS_MODEL
from acp_agent.models.custom import CustomModel, extend_catalogue
from acp_agent.models.store import ModelStore


def build_backends(settings: Settings, paths: Paths, engine: EngineClient) -> dict[str, Backend]:
    """The backends of this process by mode id, in the order they are listed."""

    custom = custom_models(settings)
    catalogue = extend_catalogue(custom)
    store = ModelStore(paths.models, custom)

    async def install(model: str, report: Report, ask: Ask) -> None:
        from acp_agent.backends.engine.installing import install_model
        from acp_agent.config.machine import Machine

        memory = None if settings.engine.ignore_memory else Machine().total()
        await install_model(paths.models, catalogue, memory, model, report, ask)

    own = [entry for entry in catalogue.values() if entry.id not in CATALOGUE]
    backends: list[Backend] = [
        GptOssBackend(
            settings.gptoss,
            engine,
            find_models=store.installed,
            check=store.check,
            unfinished=store.unfinished,
            offered=CATALOGUE[GPT_OSS_MODEL],
            install=install,
        ),
        OllamaBackend(settings.ollama),
        _openai(settings),
        MlxBackend(
            settings.mlx,
            engine,
            find_models=store.installed,
            check=store.check,
            unfinished=store.unfinished,
            offered=[CATALOGUE[BUILTIN_MODEL], *own],
            install=install,
        ),
        _build_mythos(settings, engine, store),
    ]
    if sys.platform == "darwin" or settings.auto.orchestrator == "apple":
        from acp_agent.backends.apple.backend import AppleBackend

        backends.append(AppleBackend())
    if os.environ.get("ACP_AGENT_SCRIPTED") == "1":
        backends.append(ScriptedBackend())
    return {backend.id: backend for backend in backends}


def _build_mythos(settings: Settings, engine: EngineClient, store: ModelStore) -> MythosBackend:
    return MythosBackend(
        settings.mythos,
        engine,
        is_installed=explain_no_mythos,
        find_tokenizer=lambda: find_gpt_oss_tokenizer(store.installed()),
        variants=read_variants(os.environ),
    )


def _openai(settings: Settings) -> OpenAIBackend:
    peers = settings.panel.peers
    return OpenAIBackend(settings.openai, settings.endpoints, os.environ, watched=peers)


def custom_models(settings: Settings) -> list[CustomModel]:
    """The models that the configuration names."""

    return [
        CustomModel(
            id=name,
            repo=own.repo,
            path=None if own.path is None else Path(own.path).expanduser().absolute(),
            revision=own.revision,
            name=own.name,
            licence=own.licence,
            context_size=own.context_size,
            minimum_memory=own.minimum_memory,
        )
        for name, own in settings.models.items()
    ]
