"""Why some checks find no fault that no other check finds.

Most of them are the least program that shows a fault: what an author wants to see first, where
a long history or an array on top would show it too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

__all__ = ["REASONS"]

_SHARED = {
    "a fault of a member shows there; this says what becomes of the array": """
        ZB-ARRAY-01 ZB-ARRAY-02 ZB-ARRAY-03 ZB-ARRAY-04 ZB-ARRAY-05 ZB-ARRAY-06 ZB-ARRAY-07
        ZB-ARRAY-08 ZB-ARRAY-09 ZB-ARRAY-11 ZB-ARRAY-12 ZB-ARRAY-13 ZB-ARRAY-14 ZB-ARRAY-15
        ZB-ARRAY-16 ZB-ARRAY-20 ZB-ARRAY-21 ZB-ARRAY-23 ZB-ARRAY-24 ZB-ARRAY-25 ZB-ARRAY-26
    """,
    "an array meets the fault as well; this is the call alone": """
        ZB-BATCH-02 ZB-BATCH-08 ZB-BATCH-09 ZB-BATCH-12 ZB-BATCH-13 ZB-CLASS-01 ZB-CLOSE-05
        ZB-DEL-01 ZB-DEL-02 ZB-DEL-04 ZB-FLUSH-04 ZB-LIST-03 ZB-META-02 ZB-META-11 ZB-OPEN-03
        ZB-OPEN-06 ZB-OPEN-07 ZB-PROC-05 ZB-PROC-10 ZB-RANGE-06 ZB-RANGE-07 ZB-RANGE-09
        ZB-READ-02 ZB-READ-04 ZB-SNAP-04 ZB-SNAP-05 ZB-UPD-02 ZB-UPD-07 ZB-WRITE-05
    """,
    "random batches meet the fault as well; this is the least of them": """
        ZB-BATCH-01 ZB-BATCH-03 ZB-BATCH-04 ZB-BATCH-10
    """,
    "threads, instances and processes show one fault; this is the nearest that does": """
        ZB-CONC-01 ZB-CONC-02 ZB-CONC-03 ZB-CONC-07 ZB-CONC-08 ZB-CONC-10 ZB-CONC-11 ZB-CONC-12
        ZB-CONC-13 ZB-CONC-14 ZB-FLUSH-01 ZB-FLUSH-02 ZB-FLUSH-06 ZB-FLUSH-07 ZB-KEYS-11
        ZB-OPEN-05 ZB-PROC-01 ZB-PROC-02 ZB-SIZE-03 ZB-TXN-03 ZB-TXN-10 ZB-UPD-06 ZB-UPD-08
        ZB-UPD-09
    """,
    "other checks run into this race by chance; this one seeks it": """
        ZB-CONC-04 ZB-CONC-05 ZB-CONC-06 ZB-CONC-09 ZB-CONC-15 ZB-CONC-19 ZB-LIST-06
    """,
    "simpler checks find simple faults; this one judges whole histories": """
        ZB-CONC-17 ZB-CONC-18 ZB-CONC-20 ZB-CONC-21 ZB-KEYS-13
    """,
    "what is done in steps shows in more than one place; this kills it between them": """
        ZB-CRASH-01 ZB-CRASH-02 ZB-CRASH-03 ZB-CRASH-04 ZB-CRASH-05 ZB-CRASH-07 ZB-CRASH-08
        ZB-FLUSH-05
    """,
    "the line breaks in several checks; this one breaks it just there": """
        ZB-FAULT-03 ZB-FAULT-05 ZB-FAULT-06 ZB-FAULT-08 ZB-FAULT-09 ZB-FAULT-10 ZB-FAULT-24
    """,
    "every listing passes there; this one begins with the simplest": """
        ZB-LIST-01 ZB-LIST-02 ZB-LIST-04 ZB-LIST-05 ZB-KEYS-12
    """,
    "it reports, and never fails": """
        ZB-LIMIT-01 ZB-LIMIT-02 ZB-LIMIT-03 ZB-LIMIT-04 ZB-LIMIT-05 ZB-LIMIT-06
    """,
}
"""Checks by the reason that they share."""

_OWN = {
    "ZB-CLOSE-07": "what instances share is gone for their pickles and processes too",
    "ZB-CLOSE-08": "what is bound to a thread fails in every pool",
    "ZB-DEL-03": "whoever writes after a deletion meets it",
    "ZB-ERR-02": "errors of processes come back pickled in many checks",
    "ZB-FLUSH-03": "an array that comes from nothing is found by whoever opens it",
    "ZB-FLUSH-08": "processes that write together lose by it as well",
    "ZB-INDEX-04": "indices of other types turn up in listings too",
    "ZB-KEYS-01": "documents that were tidied up are not what they were for others either",
    "ZB-KEYS-05": "keys that are changed on the way are listed wrongly too",
    "ZB-KEYS-07": "a chunk under another key is missing in listings too",
    "ZB-META-10": "documents that replace each other all the time show the old one too",
    "ZB-META-13": "a document that is cut off shows in every race for it",
    "ZB-PROC-08": "closing twice, or elsewhere, meets the same shared connection",
    "ZB-RANGE-03": "huge offsets and the ranges of keys are cut by the same code",
    "ZB-SAFE-01": "neighbours are looked at by the listings too; this goes first, for safety",
    "ZB-SNAP-01": "the parts of a snapshot are read by those who compare versions too",
    "ZB-WRITE-01": "buffers of all kinds are changed, and measured, elsewhere too",
}
"""Reasons of one check alone."""


def _reasons() -> Iterator[tuple[str, str]]:
    """Yield every check that has a reason, and the reason."""
    for reason, checks in _SHARED.items():
        yield from ((check, reason) for check in checks.split())
    yield from _OWN.items()


REASONS: Mapping[str, str] = MappingProxyType(dict(sorted(_reasons())))
"""By the id of the check."""
