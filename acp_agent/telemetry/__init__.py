"""What the agent writes down for its user: the log, and the figures of turns.

Owns both files, on this machine only. Does not own what is logged or measured; whoever
does keeps prompts and answers out of it. Nothing here uses the network, raises into its
caller's work, or waits. The figures stand in ``telemetry/turns``, which serving needs
later than the log.
"""

from acp_agent.telemetry.log import LogFile, NoLog, configure_logging, mask_login

__all__ = ["LogFile", "NoLog", "configure_logging", "mask_login"]
