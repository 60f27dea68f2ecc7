"""Where the decision log and the user's profile lie, and what is in force.

Owns how they are opened. Does not own their contents (package ``routing``).
"""

import sys
from pathlib import Path

from acp_agent.config.load import load_settings
from acp_agent.config.paths import find_paths
from acp_agent.errors import AgentError
from acp_agent.routing.decision_log import DecisionLog
from acp_agent.routing.decisions import Logged
from acp_agent.routing.profile import load_profile
from acp_agent.routing.rubric import Weights, threshold_for_share
from acp_agent.routing.weights import load_weights


def open_log() -> DecisionLog:
    """The user's log."""
    return DecisionLog(find_paths().decision_log)


def profile_path() -> Path:
    """Where the user's profile lies, if there is one."""
    return find_paths().routing_profile


def read_decisions(count: int | None = None) -> list[Logged]:
    """The logged decisions, or the last ``count``; what is odd is told on stderr.

    Raises:
        AgentError: a file of the log cannot be read.
    """
    log = open_log()
    logs = log.all() if count is None else log.last(count)
    if log.trouble is not None:
        raise AgentError(log.trouble)
    if log.unread:
        print(
            f"{log.unread} line{' was' if log.unread == 1 else 's were'} skipped: broken, or of "
            "another version.",
            file=sys.stderr,
        )
    if not load_settings(find_paths()).settings.auto.log:
        print("The log is switched off (auto.log); what follows was kept before.", file=sys.stderr)
    return logs


def weights_from(file: Path | None) -> Weights:
    """The weights in ``file``, else the packaged ones.

    Raises:
        ConfigError: the file holds none.
    """
    return load_weights() if file is None else load_weights(file)


def threshold_in_force(weights: Weights) -> tuple[float, str]:
    """The threshold of the setting ``balanced``, and where it comes from in words.

    Raises:
        ConfigError: the profile cannot be used.
    """
    profile = load_profile(profile_path(), weights)
    if profile is not None:
        return profile.threshold, "your profile"
    return threshold_for_share(weights.shares["balanced"], weights), "the packaged one"
