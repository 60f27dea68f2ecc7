"""Prompt content as the text that a model reads."""

import pytest

from acp_agent.errors import InvalidParams
from acp_agent.protocol.content import user_message
from acp_agent.protocol.wire.content import (
    AudioContent,
    BlobResourceContents,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
    UnknownContent,
)


def resource(text: str, uri: str = "file:///a") -> EmbeddedResource:
    return EmbeddedResource(resource=TextResourceContents(uri=uri, text=text))


def test_text_is_taken_as_it_is() -> None:
    assert user_message([TextContent(text=" a\n"), TextContent(text="b ")]).text == " a\nb "


def test_a_link_reads_as_its_title_else_its_name() -> None:
    link = ResourceLink(name="a.py", uri="file:///a.py")
    assert user_message([link]).text == "[a.py](file:///a.py)"
    link = ResourceLink(name="a.py", uri="file:///a.py", title="Module A")
    assert user_message([link]).text == "[Module A](file:///a.py)"


@pytest.mark.parametrize(
    ("text", "fence"),
    [
        ("plain", "```"),
        ("`code`", "```"),
        ("```py\nx\n```", "````"),
        ("a ````` b ``", "``````"),
    ],
)
def test_a_resource_stands_in_a_fence_that_its_text_cannot_close(text: str, fence: str) -> None:
    expected = f"\n\nfile:///a\n{fence}\n{text}\n{fence}\n\n"
    assert user_message([resource(text)]).text == expected


def test_what_no_mode_takes_is_refused_with_its_place() -> None:
    text = TextContent(text="a")
    blob = EmbeddedResource(resource=BlobResourceContents(uri="file:///b", blob="AA=="))
    with pytest.raises(InvalidParams, match=r"prompt\[1\].*no image content; .*describe what it"):
        user_message([text, ImageContent(data="", mime_type="image/png")])
    with pytest.raises(InvalidParams, match=r"prompt\[0\].*no audio content; .*write down"):
        user_message([AudioContent(data="", mime_type="audio/wav")])
    with pytest.raises(InvalidParams, match=r"prompt\[0\].*file:///b is binary"):
        user_message([blob])
    with pytest.raises(InvalidParams, match=r"prompt\[0\].*no hologram content"):
        user_message([UnknownContent(type="hologram")])


def test_a_prompt_with_nothing_in_it_is_refused() -> None:
    with pytest.raises(InvalidParams, match="send at least some text"):
        user_message([])
    with pytest.raises(InvalidParams, match="send at least some text"):
        user_message([TextContent(text=" \n\t")])
