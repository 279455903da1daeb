"""When the next session of an agent may start."""

from dispatcher.limiter.gate import Limiter, warm_up_left_s
from dispatcher.limiter.pacer import Learnt, Pacer, Signal, Slot

__all__ = ["Learnt", "Limiter", "Pacer", "Signal", "Slot", "warm_up_left_s"]
