"""One request to AI Studio becomes one ``Outcome``; the HTTP client lives in this room and nowhere else.

Two facts decide, and nothing else does. Where a status line was read, its number gives the outcome, whatever
happens to the body after it. Where none was read, the request is ``unsent`` if the client never came to the
point where headers are handed to the socket, and ``in_doubt`` otherwise. The class of an exception only
chooses the words people read, because a reset looks the same before and after delivery.
"""
