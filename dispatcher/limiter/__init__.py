"""When the next session of an agent may start."""

from dispatcher.limiter.boldness import Learnt
from dispatcher.limiter.gate import Limiter, warm_up_left_s
from dispatcher.limiter.lanes import Slot
from dispatcher.limiter.pacer import Pacer, Signal

__all__ = ["Learnt", "Limiter", "Pacer", "Signal", "Slot", "warm_up_left_s"]
