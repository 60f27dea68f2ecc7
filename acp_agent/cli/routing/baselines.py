"""What the rubric is compared with: the prompt's length, and LiteLLM's complexity router.

Owns calling the latter, which is measured only where ``litellm`` is installed; it is no
dependency. Does not own the measure (``routing/evaluation``).
"""

import logging
import os
import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

_MODULE = "litellm.router_strategy.complexity_router.complexity_router"
_LOCAL_MAP = "LITELLM_LOCAL_MODEL_COST_MAP"

Scorer = Callable[[str], float]


def score_length(prompt: str) -> float:
    """The characters of ``prompt``."""
    return float(len(prompt))


def find_litellm() -> tuple[Scorer | None, str]:
    """The score of LiteLLM's complexity router, or None and why it cannot be had."""
    # Else the import fetches a list of prices.
    os.environ.setdefault(_LOCAL_MAP, "True")
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind: Any = import_module(_MODULE).ComplexityRouter
            router: Any = kind(
                model_name="auto", litellm_router_instance=None, complexity_router_config=None
            )
            float(router.classify("Hello")[1])
    except ImportError:
        return None, "litellm is not installed"
    except Exception as error:
        return None, f"this version of litellm has another router ({type(error).__name__})"
    finally:
        logging.disable(previous)

    def score(prompt: str) -> float:
        return float(router.classify(prompt)[1])

    return score, ""
