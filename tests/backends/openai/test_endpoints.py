"""Which endpoints the settings and the environment name, and what becomes of their keys."""

import logging
from dataclasses import asdict

import pytest

from acp_agent.backends.openai.endpoints import Endpoint, discovered_endpoint, find_endpoints
from acp_agent.config.settings import EndpointSettings, OpenAISettings

SECRET = "sk-very-secret"


def named(environ: dict[str, str] | None = None, **settings: object) -> Endpoint:
    """The endpoint ``gpu`` with ``settings``."""
    table = {"base_url": "https://gpu.example/v1", **settings}
    endpoints = {"gpu": EndpointSettings.model_validate(table)}
    (endpoint,) = find_endpoints(OpenAISettings(), endpoints, environ or {})
    return endpoint


def test_nothing_is_named_by_default_nor_by_a_key_alone() -> None:
    assert find_endpoints(OpenAISettings(), {}, {"OPENAI_API_KEY": SECRET}) == []


def test_base_url_and_key_alone_make_an_endpoint() -> None:
    settings = OpenAISettings(base_url="http://127.0.0.1:8080/v1/")
    (endpoint,) = find_endpoints(settings, {}, {"OPENAI_API_KEY": f" {SECRET}\n"})
    assert (endpoint.name, endpoint.url) == ("default", "http://127.0.0.1:8080/v1")
    assert (endpoint.host, endpoint.port) == ("127.0.0.1", 8080)
    assert endpoint.is_loopback
    assert not endpoint.discovered
    assert endpoint.headers() == {"Authorization": f"Bearer {SECRET}"}


def test_without_a_key_there_is_no_header() -> None:
    (endpoint,) = find_endpoints(OpenAISettings(base_url="http://localhost:1/v1"), {}, {})
    assert endpoint.headers() == {}
    assert endpoint.problem == ""


def test_a_key_goes_only_where_it_was_meant_for() -> None:
    endpoints = {
        "gpu": EndpointSettings(base_url="https://gpu.example/v1"),
        "other": EndpointSettings(base_url="https://other.example/v1", key_env="OTHER_KEY"),
    }
    environ = {"OPENAI_API_KEY": SECRET, "OTHER_KEY": "other"}
    settings = OpenAISettings(base_url="https://one.example/v1")
    found = find_endpoints(settings, endpoints, environ)
    assert [each.name for each in found] == ["default", "gpu", "other"]
    assert [each.headers().get("Authorization") for each in found] == [
        f"Bearer {SECRET}",
        None,
        "Bearer other",
    ]
    assert discovered_endpoint("llamacpp", 8080).headers() == {}


def test_a_table_named_default_stands_alone_and_gets_no_foreign_key() -> None:
    endpoints = {"default": EndpointSettings(base_url="https://mine.example/v1")}
    settings = OpenAISettings(base_url="https://one.example/v1")
    (endpoint,) = find_endpoints(settings, endpoints, {"OPENAI_API_KEY": SECRET})
    assert endpoint.url == "https://mine.example/v1"
    assert endpoint.headers() == {}


def test_another_header_carries_the_key_as_it_is() -> None:
    endpoint = named({"GPU_KEY": SECRET}, header="X-Api-Key", key_env="GPU_KEY")
    assert endpoint.headers() == {"X-Api-Key": SECRET}


def test_what_the_user_says_of_an_endpoint_is_kept() -> None:
    endpoint = named(model="qwen", context_size=4096, tools="text")
    assert (endpoint.model, endpoint.context_size, endpoint.tools) == ("qwen", 4096, "text")
    assert (endpoint.host, endpoint.port, endpoint.is_loopback) == ("gpu.example", 443, False)


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_key_that_is_not_set_is_a_problem_of_its_endpoint(value: str | None) -> None:
    endpoint = named({} if value is None else {"GPU_KEY": value}, key_env="GPU_KEY")
    assert endpoint.headers() == {}
    assert "GPU_KEY is not set" in endpoint.problem
    assert "[endpoints.gpu]" in endpoint.problem


@pytest.mark.parametrize("value", ["sk\r\nX-Evil: 1", "schlüssel", "a\tb"])
def test_a_key_that_no_header_can_carry_is_a_problem(value: str) -> None:
    endpoint = named({"GPU_KEY": value}, key_env="GPU_KEY")
    assert endpoint.headers() == {}
    assert "GPU_KEY" in endpoint.problem
    assert value not in endpoint.problem


def test_the_key_is_in_no_text_of_the_endpoint(caplog: pytest.LogCaptureFixture) -> None:
    endpoint = named({"GPU_KEY": SECRET}, key_env="GPU_KEY")
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").warning("%s %r", endpoint, [endpoint])
    assert SECRET not in caplog.text
    assert SECRET not in f"{endpoint}{endpoint!r}"
    assert asdict(endpoint)["url"] == "https://gpu.example/v1"


@pytest.mark.parametrize(
    ("url", "is_loopback"),
    [
        ("http://localhost:1/v1", True),
        ("http://box.localhost:1/v1", True),
        ("http://127.8.9.1:1/v1", True),
        ("http://127.1:1/v1", True),
        ("http://localhost.:1/v1", True),
        ("http://[::1]:1/v1", True),
        ("http://[::ffff:127.0.0.1]:1/v1", True),
        ("http://192.168.1.4:1/v1", False),
        ("http://localhost.example:1/v1", False),
    ],
)
def test_loopback_is_what_stays_on_this_machine(url: str, is_loopback: bool) -> None:
    assert named(base_url=url).is_loopback is is_loopback
