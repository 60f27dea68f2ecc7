"""``python -m acp_agent``: the same as the ``acp-agent`` command. Owns nothing else."""

import sys

from acp_agent.cli import main

if __name__ == "__main__":
    sys.exit(main())
