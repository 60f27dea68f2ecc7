"""An MCP server over streamable HTTP, by hand, that can refuse, forget and fall silent."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from acp_agent.tools.mcp.configured import HttpServer
from tests.fixtures.http_socket import Exchange, serving

_TOOL = {"name": "echo", "inputSchema": {"type": "object"}}


@dataclass(slots=True)
class HttpFaults:
    """What is wrong with the server, and what it was asked."""

    status: int = 0
    """Answered to everything, unless 0."""
    sessions: int = 0
    headers: list[Mapping[str, str]] = field(default_factory=list[Mapping[str, str]])
    methods: list[str] = field(default_factory=list[str])
    port: int = 0

    def configured(self, **headers: str) -> HttpServer:
        return HttpServer("web", f"http://127.0.0.1:{self.port}/mcp?key=secret", headers)

    async def answer(self, exchange: Exchange) -> None:
        request = exchange.request
        self.headers.append(request.headers)
        self.methods.append(request.method)
        if self.status:
            await exchange.answer(self.status, b"", "text/plain")
        elif request.method != "POST":
            await exchange.answer(405, b"", "text/plain")
        else:
            await self._answer_message(exchange, json.loads(request.body))

    async def _answer_message(self, exchange: Exchange, message: dict[str, Any]) -> None:
        if "id" not in message:
            await exchange.answer(202, b"", "text/plain")
            return
        known = exchange.request.headers.get("mcp-session-id")
        if known is not None and known != str(self.sessions):
            await exchange.answer(404, b"", "text/plain")
            return
        match message["method"]:
            case "initialize":
                self.sessions += 1
                result: dict[str, Any] = {
                    "protocolVersion": "2025-11-25",
                    "capabilities": {"tools": {}},
                    "serverInfo": {"name": "web", "version": "1"},
                }
            case "tools/list":
                result = {"tools": [_TOOL]}
            case "tools/call":
                text = json.dumps(message["params"]["arguments"])
                result = {"content": [{"type": "text", "text": text}]}
            case method:
                fault = {"code": -32601, "message": f"no {method}"}
                await exchange.answer_json(
                    200, {"jsonrpc": "2.0", "id": message["id"], "error": fault}
                )
                return
        answer = {"jsonrpc": "2.0", "id": message["id"], "result": result}
        extra = {"Mcp-Session-Id": str(self.sessions)}
        await exchange.answer(200, json.dumps(answer).encode(), _with(extra))


def _with(headers: Mapping[str, str]) -> str:
    """A content type of JSON that brings further headers along."""
    return "application/json" + "".join(f"\r\n{name}: {value}" for name, value in headers.items())


@asynccontextmanager
async def http_faults(port: int = 0) -> AsyncGenerator[HttpFaults]:
    """The server, without fault at first."""
    faults = HttpFaults()
    async with serving(faults.answer, lambda: None, port=port) as faults.port:
        yield faults
