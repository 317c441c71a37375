"""Some seconds of `./dev soak --faults`: mixed load under faults that a retry policy covers, and no request is lost."""

import pytest

from soak.faults import Soak


@pytest.mark.remora_only("its memory grows by more in so short a time")
def test_no_request_is_lost_and_nothing_is_left(closing):
    said = []
    soak = closing(Soak(report=lambda line, **_: said.append(line)))
    assert soak.run(5) == []
    assert min(soak.answers[kind] for kind in ("http1", "http2", "tls")) > 0
