"""A stand-in for AI Studio on 127.0.0.1, as strict as the vendor might be, for rehearsals and tests.

It wants the key header, checks every field, answers 429 above an agent's limit, posts status callbacks to a
loopback ``status_url`` and keeps a journal of what it saw. It never reaches the network.

It is an independent witness: what it holds a request against, it states itself and does not ask ``studio``, so that a
rule that is wrong there is not wrong here as well. What is known of the vendor stands in these two rooms only.

Numbers with a fate of their own, from the block reserved for fiction (``MAGIC_NUMBERS``):

| number | what happens |
|---|---|
| +1 202 555 0190 | refused with 400 |
| +1 202 555 0191 | 429 the first time, accepted afterwards |
| +1 202 555 0192 | always 429 |
| +1 202 555 0193 | 500, no session started |
| +1 202 555 0194 | connection closed, not accepted |
| +1 202 555 0195 | accepted, then the connection is reset |
| +1 202 555 0196 | accepted and never answered |
| +1 202 555 0197 | refused with 401 |
| +1 202 555 0198 | accepted, answered late |
| +1 202 555 0199 | accepted, the answer breaks off after its headers |
"""

from dispatcher.sandbox.server import MAGIC_NUMBERS, Fate, Sandbox, SandboxOptions, run_sandbox, serve

__all__ = ["MAGIC_NUMBERS", "Fate", "Sandbox", "SandboxOptions", "run_sandbox", "serve"]
