"""``python -m benchmarks [MEASURE ...]``: prints the measures; without names, all."""

import argparse
import sys
from collections.abc import Callable

from benchmarks import delegation, engine, measures, model, panel

MEASURES: dict[str, Callable[[], None]] = {
    "startup": measures.startup,
    "updates": measures.updates,
    "cancel": measures.cancel,
    "tokens": model.tokens,
    "model-cancel": model.cancel,
    "stall": model.stall,
    "cache": engine.cache,
    "company": engine.company,
    "parked": engine.parked,
    "panel": panel.panel,
    "delegate": delegation.delegate,
    "delegate-cancel": delegation.cancel,
}


def main() -> int:
    """Runs what the command line names."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("measures", nargs="*", choices=[*MEASURES, []], metavar="MEASURE")
    for name in parser.parse_args().measures or MEASURES:
        MEASURES[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
