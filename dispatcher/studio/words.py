"""What AI Studio's things are called, and what a first campaign file for it looks like."""

from dispatcher.channel import Words

_AGENT_DRAFT = """\
[agent]
id = ""                   # the 24 hex digits AI Studio shows for the agent
region = "eu"             # eu | us
sessions_per_second = 1   # the limit the vendor approved: 1, 3 or 5"""

_TEMPLATE_DRAFT = """\
[template]
namespace = ""             # as shown in the WhatsApp Business Account
name = ""                  # the approved template's name
locale = "en"
{columns}
body = [""]                # one text for each placeholder of the template, or [] if it has none"""


def _name_things(session: str, *, template_draft: str = "") -> Words:
    """Return the words of a channel in which a recipient gets a ``session``."""
    return Words(
        vendor="AI Studio",
        session=session,
        key_mark="vgai",
        agent_id="24 letters and digits",
        inactive_limit="the new limit is not active yet: published? five minutes?",
        throttled=(
            "Check the agent's approved limit, that the agent was published after it was raised, and that nothing else "
            "sends for this agent"
        ),
        agent_draft=_AGENT_DRAFT,
        template_draft=template_draft,
    )


WHATSAPP_WORDS = _name_things("WhatsApp session", template_draft=_TEMPLATE_DRAFT)
SMS_WORDS = _name_things("SMS session")
