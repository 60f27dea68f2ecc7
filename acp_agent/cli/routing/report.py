"""``acp-agent routing report``: the figures of the log as tables, a chart, or JSON.

Owns how they look. Does not own the figures (``routing/report``).
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from acp_agent.cli.routing.place import read_decisions
from acp_agent.cli.routing.plot import plot_scores
from acp_agent.cli.routing.tables import as_percent, as_seconds, print_table
from acp_agent.routing.report import Latency, Report, Share, SkippedGate, make_report


def show_report(count: int | None, *, as_json: bool) -> None:
    """Prints the report of the last ``count`` decisions, or of all."""
    report = make_report(read_decisions(count))
    if as_json:
        print(json.dumps(asdict(report), indent=2))
    elif not report.total.decisions:
        print("No decision is logged yet.")
    else:
        _print(report)


def _print(report: Report) -> None:
    total = report.total
    print(
        f"{total.decisions} decision{'' if total.decisions == 1 else 's'} from {report.first} to "
        f"{report.last}: {as_percent(total.delegated, total.decisions)} to the big model, "
        f"{as_percent(total.wrong, total.decisions)} marked wrong, "
        f"{as_percent(total.overridden, total.decisions)} overridden by hand."
    )
    if report.proposals:
        print(
            f"The small model was asked for {report.proposals} proposals; "
            f"{report.proposal_problems} failed."
        )
    for title, shares in (
        ("decision", report.by_decision),
        ("answered by", report.by_effective),
        ("reason", report.by_reason),
        ("setting", report.by_setting),
        ("decided on", report.by_origin),
    ):
        _print_shares(title, shares, total.decisions)
    _print_latencies(report.latencies)
    _print_skipped(report.skipped)
    print()
    for line in plot_scores(report.points, encoding=sys.stdout.encoding or "ascii"):
        print(line)


def _print_shares(title: str, shares: Sequence[Share], whole: int) -> None:
    print()
    print_table(
        (title, "decisions", "share", "delegated", "wrong", "overridden"),
        (
            (
                share.name,
                str(share.decisions),
                as_percent(share.decisions, whole),
                as_percent(share.delegated, share.decisions),
                as_percent(share.wrong, share.decisions),
                as_percent(share.overridden, share.decisions),
            )
            for share in shares
        ),
    )


def _print_latencies(latencies: Sequence[Latency]) -> None:
    print()
    print_table(
        ("seconds", "answers", "median", "p90", "first, median", "p90", "cancelled", "failed"),
        (
            (
                each.backend,
                str(each.answers),
                as_seconds(each.median),
                as_seconds(each.high),
                as_seconds(each.first_token_median),
                as_seconds(each.first_token_high),
                str(each.cancelled),
                str(each.failed),
            )
            for each in latencies
        ),
    )


def _print_skipped(skipped: Sequence[SkippedGate]) -> None:
    if skipped:
        print()
        print_table(
            ("passed over", "gate", "times"),
            ((each.candidate, each.gate, str(each.count)) for each in skipped),
            texts=2,
        )
