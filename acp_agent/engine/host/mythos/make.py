"""The mythos scheduler of an engine, put together.

Owns which parts belong together. Does not own any of them.
"""

from acp_agent.config.machine import Machine
from acp_agent.engine.host.memory.guard import MemoryGuard
from acp_agent.engine.host.mythos.devices import TorchDevice
from acp_agent.engine.host.mythos.loading import MythosLoader
from acp_agent.engine.host.mythos.scheduler import MythosScheduler
from acp_agent.engine.host.mythos.variants import Variants
from acp_agent.engine.host.scheduler import SchedulerOptions


def make_scheduler(
    options: SchedulerOptions,
    *,
    variants: Variants,
    cache_memory: int,
    ignore_memory: bool,
    machine: Machine | None = None,
) -> MythosScheduler:
    """A scheduler of OpenMythos models.

    Args:
        variants: those that the package does not have.
        cache_memory: bytes for what was read and may be of use again.
        ignore_memory: whether a model that does not fit is loaded all the same.
        machine: whose memory it is; None for this one's.
    """
    device = TorchDevice()
    # Its own guard: the other one belongs to MLX's thread, and knows MLX's device.
    guard = MemoryGuard(ignore_memory=ignore_memory, machine=machine, device=device)
    load = MythosLoader(variants, device, guard.check_needs)
    return MythosScheduler(options, load=load, guard=guard, cache_memory=cache_memory)
