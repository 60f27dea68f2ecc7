"""What a session without MCP servers does not pay for."""

import subprocess
import sys


def test_the_library_is_not_imported_before_it_is_needed() -> None:
    script = (
        "import sys, acp_agent.tools.mcp.servers, acp_agent.tools.mcp.configured\n"
        "assert not {'mcp', 'mcp_types', 'httpx2', 'jsonschema'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
