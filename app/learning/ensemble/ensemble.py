"""Ensemble: many trainings of one architecture that take their steps together.

Each member is a `Training` of its own; only the gradients of a step are computed for all at once. What a member learns
equals what it would learn alone, up to rounding. Its bits depend neither on the other members nor on their number.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from app.learning.ensemble.chain import StackedChain
from app.learning.ensemble.member import Member
from app.learning.training import Step

T = TypeVar("T")


class Taken(NamedTuple):
    """A member with the step that it took, or the error that its step raised."""

    member: Member
    step: Step | None = None
    error: Exception | None = None


class Ensemble:
    """Up to `capacity` members, whose recipes have one signature, on the same data."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.members: list[Member] = []  # by slot
        self.chain: StackedChain | None = None

    def join(self, member: Member) -> None:
        """Let a training take part in the steps that follow, from the start or from its restored checkpoint."""
        if self.chain is None:
            self.chain = StackedChain(member, self.capacity)
        assert member.data is self.chain.data and len(self.members) < self.capacity
        self.members.append(member)
        self._move(member)
        member.begin()

    def leave(self, member: Member) -> None:
        """Take a member out, with its parameters. The last member moves to its slot."""
        member.stepper.move_out()
        slot, last = self.members.index(member), self.members.pop()
        if last is not member:
            self.members[slot] = last
            self._move(last)

    def _move(self, member: Member) -> None:
        """Move the member's parameters to its slot."""
        assert self.chain is not None
        slot = self.members.index(member)
        member.stepper.move(self.chain.parameters.of(slot), self.chain.gradients.of(slot))

    def step(self) -> list[Taken]:
        """Take one step of each member. Those that took their last step, or whose step raises an error, leave."""
        taken: list[Taken] = []
        batches = self._each(taken, lambda member: next(member.pending))
        if self.members:
            assert self.chain is not None
            losses = self.chain.step(self.members, [batches[member] for member in self.members])
            loss_of = dict(zip(self.members, losses, strict=True))

            def finish(member: Member) -> Step:
                member.stepper.descend()
                return member.complete(batches[member], loss_of[member])

            steps = self._each(taken, finish)
            taken += [Taken(member, step) for member, step in steps.items()]
        for member in [member for member in self.members if member.stop_reason is not None]:
            self.leave(member)
        return taken

    def _each(self, taken: list[Taken], action: Callable[[Member], T]) -> dict[Member, T]:
        """The results of an action by member. Members for which it raises an error leave."""
        results: dict[Member, T] = {}
        for member in list(self.members):
            try:
                results[member] = action(member)
            except Exception as error:
                taken.append(Taken(member, error=error))
        for member in [member for member in self.members if member not in results]:
            self.leave(member)
        return results
