"""An MCP server over stdio with faults to order, on the standard library so that it starts fast.

Run with the name of a fault, or ``normal``. Keeps to MCP 2025-11-25 but for what is ordered.
"""

import json
import os
import signal
import subprocess
import sys
from typing import Any

Json = dict[str, Any]

ANY = {"type": "object"}
READ_ONLY = {"readOnlyHint": True}
TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
TOOLS: list[Json] = [
    {"name": "echo", "inputSchema": TEXT, "annotations": READ_ONLY, "title": "Say it again"},
    *(
        {"name": name, "inputSchema": ANY}
        for name in (
            "blocks",
            "cancelled",
            "client",
            "die",
            "environment",
            "huge",
            "nonsense",
            "refuse",
            "roots",
            "sample",
            "slow",
            "spawn",
            "too_long",
        )
    ),
]
SHAPELESS: Json = {
    "name": "shapeless",
    "inputSchema": {
        "type": "object",
        "properties": {"a": {"$ref": "http://127.0.0.1:9/schema"}, "b": {"type": "nonsense"}},
    },
}
PROMPTS: list[Json] = [
    {
        "name": "greet",
        "description": "Greets",
        "arguments": [{"name": "who", "required": True}, {"name": "how"}],
    }
]


def send(message: Json) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def read() -> Json:
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    return json.loads(line)


class Server:
    """Answers one message after the other."""

    def __init__(self, fault: str) -> None:
        self.fault = fault
        self.client: Json = {}
        self.cancelled: list[Any] = []

    def serve(self) -> None:
        while True:
            message = read()
            if message["method"] == "notifications/cancelled":
                self.cancelled.append(message["params"]["requestId"])
            if "id" not in message:
                continue
            try:
                result = self.answer(message["method"], message.get("params", {}), message["id"])
            except KeyError:
                send({"id": message["id"], "error": {"code": -32601, "message": "unknown"}})
                continue
            if result is not None:
                send({"id": message["id"], "result": result})

    def answer(self, method: str, params: Json, id: Any) -> Json | None:
        if method == "initialize":
            self.client = params
            return {
                "protocolVersion": "2025-11-25",
                "capabilities": {"tools": {"listChanged": True}, "prompts": {}, "logging": {}},
                "serverInfo": {"name": "faulty", "version": "1"},
            }
        if method == "tools/list":
            return self.list_tools(params)
        if method == "prompts/list":
            return {"prompts": PROMPTS}
        if method == "prompts/get":
            text = f"Greet {params['arguments']['who']}"
            return {"messages": [{"role": "user", "content": {"type": "text", "text": text}}]}
        return self.call(method, params, id)

    def list_tools(self, params: Json) -> Json:
        match self.fault:
            case "many":
                start = int(params.get("cursor", 0))
                names = [f"tool{number}" for number in range(start, start + 2500)]
                page: Json = {"tools": [{"name": name, "inputSchema": ANY} for name in names]}
                return page | ({"nextCursor": str(start + 2500)} if start < 7500 else {})
            case "endless":
                return {"tools": [], "nextCursor": "again"}
            case "broken_list":
                return {"tools": [{"name": "echo", "inputSchema": {"type": "string"}}]}
            case "shapeless":
                return {"tools": [SHAPELESS]}
            case "duplicates":
                return {"tools": [TOOLS[0], TOOLS[0], {**TOOLS[0], "name": "echo!"}]}
            case _:
                return {"tools": TOOLS}

    def call(self, method: str, params: Json, id: Any) -> Json | None:
        if method != "tools/call":
            raise KeyError(method)
        name, arguments = params["name"], params.get("arguments", {})
        match name:
            case "die":
                sys.exit(3)
            case "slow":
                progress = {"progressToken": params["_meta"]["progressToken"], "progress": 1}
                progress |= {"total": 3, "message": "Thinking"}
                send({"method": "notifications/progress", "params": progress})
                return None
            case "nonsense":
                return {"content": "no list"}
            case "too_long":
                return text("x" * (33 * 1024 * 1024))
            case "refuse":
                return text("I would rather not") | {"isError": True}
            case "blocks":
                return {"content": BLOCKS}
            case _:
                return text(getattr(self, f"tell_{name}")(arguments))

    def tell_shapeless(self, arguments: Json) -> str:
        return json.dumps(arguments)

    def tell_echo(self, arguments: Json) -> str:
        send({"method": "notifications/message", "params": {"level": "info", "data": "echoing"}})
        return arguments["text"]

    def tell_huge(self, arguments: Json) -> str:
        return "x" * 10_000_000

    def tell_cancelled(self, arguments: Json) -> str:
        return str(len(self.cancelled))

    def tell_client(self, arguments: Json) -> str:
        return json.dumps({**self.client, "cwd": os.getcwd(), "pid": os.getpid()})

    def tell_environment(self, arguments: Json) -> str:
        return json.dumps(dict(os.environ))

    def tell_spawn(self, arguments: Json) -> str:
        child = subprocess.Popen(["sleep", "1000"], stdin=subprocess.DEVNULL)
        return str(child.pid)

    def tell_roots(self, arguments: Json) -> str:
        return json.dumps(self.ask("roots/list", {}))

    def tell_sample(self, arguments: Json) -> str:
        question = {"role": "user", "content": {"type": "text", "text": "hello"}}
        params = {"messages": [question], "maxTokens": 5}
        return json.dumps(self.ask("sampling/createMessage", params))

    def ask(self, method: str, params: Json) -> Json:
        send({"id": "mine", "method": method, "params": params})
        return read()


def text(words: str) -> Json:
    return {"content": [{"type": "text", "text": words}]}


BLOCKS: list[Json] = [
    {"type": "text", "text": "Look"},
    {"type": "image", "data": "aGk=", "mimeType": "image/png", "_meta": {"a": 1}},
    {"type": "audio", "data": "aGk=", "mimeType": "audio/wav"},
    {
        "type": "resource",
        "resource": {"uri": "demo:/a", "text": "inside", "mimeType": "text/plain"},
    },
    {"type": "resource", "resource": {"uri": "demo:/b", "blob": "aGk="}},
    {"type": "resource_link", "uri": "demo:/c", "name": "c", "icons": [{"src": "demo:/i"}]},
]


def main(fault: str) -> None:
    if fault == "hang":
        signal.pause()
    if fault == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        try:
            Server(fault).serve()
        finally:
            signal.pause()
    if fault == "noise":
        print("this is no message", flush=True)
        print("and {neither} is this", flush=True)
        for number in range(3000):
            print(f"line {number} on stderr", file=sys.stderr)
    Server(fault).serve()


if __name__ == "__main__":
    main(sys.argv[1])
