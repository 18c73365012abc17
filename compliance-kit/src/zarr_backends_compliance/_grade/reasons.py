"""Why some checks find no fault that no other check finds."""

from __future__ import annotations

from types import MappingProxyType

__all__ = ["REASONS"]

REASONS = MappingProxyType(
    {
        "ZB-FLUSH-01": "one lost write shows in several places",
        "ZB-FLUSH-02": "one lost write shows in several places",
        "ZB-FLUSH-05": "one lost write shows in several places",
        "ZB-FLUSH-06": "one lost write shows in several places",
        "ZB-FLUSH-07": "one lost write shows in several places",
        "ZB-KEYS-05": "keys that are changed on the way are listed wrongly too",
        "ZB-LIMIT-01": "it reports, and never fails",
        "ZB-LIMIT-02": "it reports, and never fails",
        "ZB-LIMIT-03": "it reports, and never fails",
        "ZB-LIMIT-04": "it reports, and never fails",
        "ZB-LIMIT-05": "it reports, and never fails",
        "ZB-LIMIT-06": "it reports, and never fails",
        "ZB-TXN-10": "a second instance in the same process shows the same",
        "ZB-UPD-09": "threads show the same, less reliably",
    }
)
"""By the id of the check."""
