"""Ensemble: many trainings of one architecture that take their steps together.

Each member is a `Training` of its own. The gradients of stacked members are computed for all of them at once; every
other member computes its own. What a member learns equals what it would learn alone, up to rounding. Its bits depend
neither on the other members nor on their number.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from torch import Tensor

from app.learning.ensemble.chain import StackedChain
from app.learning.ensemble.member import Member, StackedMember
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
        self.stacked: list[StackedMember] = []  # by slot
        self.others: list[Member] = []
        self.chain: StackedChain | None = None

    @property
    def members(self) -> list[Member]:
        return [*self.stacked, *self.others]

    def join(self, member: Member) -> None:
        """Let a training take part in the steps that follow, from the start or from its restored checkpoint."""
        assert len(self.members) < self.capacity
        if isinstance(member, StackedMember):
            if self.chain is None:
                self.chain = StackedChain(member, self.capacity)
            assert member.data is self.chain.data
            self.stacked.append(member)
            self._move(member)
        else:
            self.others.append(member)
        member.begin()

    def leave(self, member: Member) -> None:
        """Take a member out, with its parameters. The last stacked member moves to the slot of one that leaves."""
        if not isinstance(member, StackedMember):
            self.others.remove(member)
            return
        member.stepper.move_out()
        slot, last = self.stacked.index(member), self.stacked.pop()
        if last is not member:
            self.stacked[slot] = last
            self._move(last)

    def _move(self, member: StackedMember) -> None:
        """Move the member's parameters to its slot."""
        assert self.chain is not None
        slot = self.stacked.index(member)
        member.stepper.move(self.chain.parameters.of(slot), self.chain.gradients.of(slot))

    def step(self) -> list[Taken]:
        """Take one step of each member. Those that took their last step, or whose step raises an error, leave."""
        taken: list[Taken] = []
        batches = self._each(taken, lambda member: next(member.pending))
        losses = self._stacked_gradients(batches)

        def finish(member: Member) -> Step:
            if isinstance(member, StackedMember):
                member.stepper.descend()
                return member.complete(batches[member], losses[member])
            return member.complete(batches[member], member.stepper.step(batches[member]))

        steps = self._each(taken, finish)
        taken += [Taken(member, step) for member, step in steps.items()]
        for member in [member for member in self.members if member.stop_reason is not None]:
            self.leave(member)
        return taken

    def _stacked_gradients(self, batches: dict[Member, Tensor]) -> dict[Member, float]:
        """Compute the gradients of all stacked members; returns their losses."""
        if not self.stacked:
            return {}
        assert self.chain is not None
        losses = self.chain.step(self.stacked, [batches[member] for member in self.stacked])
        return dict(zip(self.stacked, losses, strict=True))

    def _each(self, taken: list[Taken], action: Callable[[Member], T]) -> dict[Member, T]:
        """The results of an action by member. Members for which it raises an error leave."""
        results: dict[Member, T] = {}
        for member in self.members:
            try:
                results[member] = action(member)
            except Exception as error:
                taken.append(Taken(member, error=error))
        for member in [member for member in self.members if member not in results]:
            self.leave(member)
        return results
