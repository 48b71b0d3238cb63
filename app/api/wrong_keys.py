"""The delay of an answer to a wrong API key: it grows with the wrong keys that a peer has sent."""

from collections import OrderedDict
from collections.abc import Callable

from starlette.types import Scope

AT_ONCE = 5  # wrong keys of a peer that are answered without a delay: people mistype
FIRST_SECONDS, MOST_SECONDS = 0.1, 2.0
FORGOTTEN_AFTER = 600.0  # seconds without a wrong key
PEERS = 1000  # the last ones are remembered


def peer_of(scope: Scope) -> str:
    """The address of the other end; empty for a Unix socket."""
    client = scope.get("client")
    return client[0] if client else ""


class WrongKeys:
    """The number of wrong keys by peer, of bounded size. Peers behind one proxy count as one."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.counts: OrderedDict[str, tuple[int, float]] = OrderedDict()  # with the time of the last one, oldest first

    def delay(self, peer: str) -> float:
        """Count a wrong key of this peer; returns the seconds to wait before its answer."""
        now = self.clock()
        while self.counts and now - next(iter(self.counts.values()))[1] >= FORGOTTEN_AFTER:
            self.counts.popitem(last=False)
        before, _ = self.counts.pop(peer, (0, now))
        self.counts[peer] = (before + 1, now)
        if len(self.counts) > PEERS:
            self.counts.popitem(last=False)
        doublings = min(before - AT_ONCE, 16)  # a float has a largest exponent
        return 0.0 if doublings < 0 else min(FIRST_SECONDS * 2**doublings, MOST_SECONDS)
