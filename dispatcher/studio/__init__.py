"""All that is AI Studio's: its settings and limits, the template rules, the request, the client, what answers mean.

Two facts decide how an attempt ended, and nothing else does. Where a status line was read, its number gives the
outcome, whatever happens to the body after it. Where none was read, the request is ``unsent`` if the client never came
to the point where headers are handed to the socket, and ``in_doubt`` otherwise. The class of an exception only chooses
the words people read, because a reset looks the same before and after delivery.
"""

from dispatcher.studio.channels import SMS, WHATSAPP

__all__ = ["SMS", "WHATSAPP"]
