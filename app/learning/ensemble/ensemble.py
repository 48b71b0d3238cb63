"""Ensemble: many trainings of one architecture that take their steps together.

Each member is a `Training` of its own. The gradients of stacked members are computed for all of them at once; every
other member computes its own. What a member learns equals what it would learn alone, up to rounding. Its bits depend
neither on the other members nor on their number.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from app.learning.ensemble.chain import StackedChain
from app.learning.ensemble.member import Member, StackedMember
from app.learning.training import Step

T = TypeVar("T")
TURN = 16  # steps of a member before the next one's: its parameters stay in the processor's cache


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
        """Take one step of each stacked member, and some of each other one. Those that took their last step, or whose
        step raises an error, leave."""
        taken = [*self._stacked_step(), *self._others_steps()]
        for member in [member for member in self.members if member.stop_reason is not None]:
            self.leave(member)
        return taken

    def _stacked_step(self) -> list[Taken]:
        taken: list[Taken] = []
        batches = self._each(taken, lambda member: next(member.pending))
        if self.stacked:
            assert self.chain is not None
            losses = self.chain.step(self.stacked, [batches[member] for member in self.stacked])
            loss_of = dict(zip(self.stacked, losses, strict=True))

            def finish(member: StackedMember) -> Step:
                member.stepper.descend()
                return member.complete(batches[member], loss_of[member])

            steps = self._each(taken, finish)
            taken += [Taken(member, step) for member, step in steps.items()]
        return taken

    def _each(self, taken: list[Taken], action: Callable[[StackedMember], T]) -> dict[StackedMember, T]:
        """The results of an action by stacked member. Members for which it raises an error leave."""
        results: dict[StackedMember, T] = {}
        for member in list(self.stacked):
            try:
                results[member] = action(member)
            except Exception as error:
                taken.append(Taken(member, error=error))
        for member in [member for member in self.stacked if member not in results]:
            self.leave(member)
        return results

    def _others_steps(self) -> Iterator[Taken]:
        """Steps of the members that are not stacked, in turns; a turn ends with the epoch."""
        for member in list(self.others):
            for _ in range(1 if self.stacked else TURN):
                try:
                    indices = next(member.pending)
                    step = member.complete(indices, member.stepper.step(indices))
                except Exception as error:
                    yield Taken(member, error=error)
                    self.leave(member)
                    break
                yield Taken(member, step)
                if step.metrics is not None:
                    break
