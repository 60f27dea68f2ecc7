"""``acp-agent routing calibrate``: a threshold of the user's own, proposed from evidence.

It holds for the setting ``balanced``; ``eager`` and ``frugal`` stay what they are. Owns the
command, and that nothing is written unless ``--write`` says so. Does not own how a threshold
is found (``routing/calibration``) nor the profile's file (``routing/profile``).
"""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from acp_agent.cli.routing.examples import read_examples
from acp_agent.cli.routing.measure import decide_all
from acp_agent.cli.routing.place import profile_path, read_decisions, threshold_in_force
from acp_agent.cli.routing.replays import print_replay
from acp_agent.errors import AgentError, ConfigError, InvalidParams
from acp_agent.routing.calibration import (
    FEW,
    Calibration,
    Evidence,
    calibrate_to_evidence,
    calibrate_to_share,
    gather_evidence,
)
from acp_agent.routing.profile import Profile, fingerprint, remove_profile, save_profile
from acp_agent.routing.replay import replay
from acp_agent.routing.rubric import Weights, threshold_for_share
from acp_agent.routing.weights import load_weights
from acp_agent.telemetry.turns import timestamp

_SHOWN = 5


def calibrate(arguments: Namespace) -> None:
    """Proposes a threshold and shows what it changes; writes or takes back the profile.

    Raises:
        InvalidParams: there is nothing to learn from, or a file holds something else.
        AgentError: the profile cannot be written or deleted.
    """
    if arguments.reset:
        _reset()
        return
    weights = load_weights()
    current, origin = _current(weights)
    logs = [each for each in read_decisions() if each.record.setting == "balanced"]
    if arguments.files:
        evidence, method = _from_files(arguments.files, weights, arguments.share), "labelled files"
    else:
        evidence, method = gather_evidence(logs, weights), "the decision log"
    if not evidence:
        raise InvalidParams(
            "No prompt was decided with the setting balanced yet; give files, or use mode auto."
        )
    if arguments.share is None:
        found = calibrate_to_evidence(evidence, current)
        method = f"least cost of errors, from {method}"
    else:
        found = calibrate_to_share([each.score for each in evidence], arguments.share)
        method = f"a share of {arguments.share:g} delegated, from {method}"
    _explain(found, evidence, current, origin)
    if logs:
        print()
        print_replay(replay(logs, weights, threshold=found.threshold), _SHOWN)
    print()
    if arguments.write:
        _write(found, weights, method)
    else:
        print("Nothing is written; with --write this becomes the threshold of balanced sessions.")


def _current(weights: Weights) -> tuple[float, str]:
    try:
        return threshold_in_force(weights)
    except ConfigError as error:
        print(error.message)
        return threshold_for_share(weights.shares["balanced"], weights), "the packaged one"


def _from_files(paths: Sequence[Path], weights: Weights, share: float | None) -> list[Evidence]:
    found: list[Evidence] = []
    for path in paths:
        examples = read_examples(path)
        decisions = decide_all(path.name, examples, weights, "balanced", None)
        pairs = list(zip(examples, decisions, strict=True))
        if share is not None:
            found += [Evidence(decision.score, decision.delegate) for _, decision in pairs]
            continue
        labelled = [
            Evidence(decision.score, example.expected == "delegate")
            for example, decision in pairs
            if example.expected in ("local", "delegate")
            and decision.reason_code != "explicit_request"
        ]
        if not labelled:
            raise InvalidParams(
                f"{path} says of no prompt whom it is for (expected: local or delegate); with "
                "--share S the prompts alone will do."
            )
        found += labelled
    return found


def _explain(found: Calibration, evidence: Sequence[Evidence], current: float, origin: str) -> None:
    print(f"Threshold now: {current:.4f} ({origin}). Proposed: {found.threshold:.4f}.")
    before = sum(each.score >= current for each in evidence)
    after = sum(each.score >= found.threshold for each in evidence)
    print(
        f"By score alone {before} of {found.prompts} prompts are delegated now, {after} with the "
        "proposed one."
    )
    if found.cost_before is not None and found.cost_after is not None:
        print(
            f"Cost of errors: {found.cost_before:.1f} now, {found.cost_after:.1f} with the "
            f"proposed one, by {found.objections} judgements."
        )
        if found.objections < FEW:
            print(f"These are few: with fewer than {FEW}, chance may have chosen.")


def _write(found: Calibration, weights: Weights, method: str) -> None:
    profile = Profile(
        threshold=found.threshold,
        when=timestamp(),
        decisions=found.prompts,
        method=method,
        weights=fingerprint(weights),
    )
    try:
        save_profile(profile_path(), profile)
    except OSError as error:
        raise AgentError(f"The profile cannot be written: {error.strerror}.") from error
    print(
        f"Written to {profile_path()}; from the next prompt on it is the threshold of balanced "
        "sessions. `acp-agent routing calibrate --reset` takes it back."
    )


def _reset() -> None:
    try:
        removed = remove_profile(profile_path())
    except OSError as error:
        raise AgentError(f"The profile cannot be deleted: {error.strerror}.") from error
    print("Taken back: the packaged threshold holds." if removed else "There was no profile.")
