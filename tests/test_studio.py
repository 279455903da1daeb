"""The studio room: what one request's fate is called, for every answer and every fault."""

import pytest

from dispatcher.errors import UsageError
from dispatcher.models import Verdict
from dispatcher.studio import Studio, judge_status

REFUSALS = {400, 404, 405, 410, 411, 413, 414, 415, 422, 431}


@pytest.mark.parametrize("status", range(100, 600))
def test_each_status_has_one_verdict(status: int) -> None:
    """2xx is accepted, 429 throttled, the listed refusals rejected, and everything else in doubt."""
    verdict, stop = judge_status(status)

    if 200 <= status <= 299:
        assert (verdict, stop) == (Verdict.ACCEPTED, None)
    elif status == 429:
        assert (verdict, stop) == (Verdict.THROTTLED, None)
    elif status in REFUSALS:
        assert (verdict, stop) == (Verdict.REJECTED, None)
    elif status in {401, 402, 403}:
        assert verdict is Verdict.REJECTED
        assert stop == (
            f"AI Studio refuses the key or the account (HTTP {status}): check the API key, that it belongs"
            " to [agent] region and id, and the balance"
        )
    elif 300 <= status <= 399:
        assert verdict is Verdict.IN_DOUBT
        assert stop == (
            f"the endpoint points elsewhere (HTTP {status}) and redirects are never followed:"
            " check [agent] region and endpoint"
        )
    else:
        assert (verdict, stop) == (Verdict.IN_DOUBT, None)


@pytest.mark.parametrize("key", ["", " ", "a b", "a\nb", "a\r\nX: y", '"abc"', "'abc'", "schlüssel", "a\x00b"])
def test_a_key_that_is_no_key_is_refused_before_anything_is_sent(key: str) -> None:
    """A key that would break the header is refused when the studio is made, and is not repeated."""
    with pytest.raises(UsageError) as caught:
        Studio(key)

    assert str(caught.value) == (
        "the API key is empty or holds white space, a quote or a letter outside ASCII;"
        " copy it again from AI Studio (user icon, Generate API Key)"
    )
