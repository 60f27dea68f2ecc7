"""The endpoints of mode ``openai`` as ``acp-agent config check`` shows them.

Owns the wording. Does not own endpoints (``backends/openai``), and asks none of them.
"""

from collections.abc import Iterator, Mapping

from acp_agent.backends.openai.endpoints import DEFAULT_KEY, DEFAULT_NAME, find_endpoints
from acp_agent.config.settings import Settings


def describe_endpoints(settings: Settings, environ: Mapping[str, str]) -> Iterator[str]:
    """The named endpoints, a line each; of a key only whether its variable is set."""
    named = settings.endpoints
    for each in find_endpoints(settings.openai, named, environ):
        table = named.get(each.name)
        variable = DEFAULT_KEY if table is None else table.key_env
        key = "no key"
        if variable is not None:
            state = "set" if environ.get(variable, "").strip() else "not set"
            key = f"key in {variable} ({state})"
        yield f"Endpoint {each.name}: {each.url}, model {each.model or 'unset'}, {key}"
        if each.problem:
            yield f"  {each.problem}"
    if DEFAULT_NAME in named and settings.openai.base_url is not None:
        yield "openai.base_url is not used: [endpoints.default] stands in its place."
