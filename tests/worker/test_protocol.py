"""Runs that join others in a process: each arrives, or its worker learns that it came too late."""

import os
import socket
from collections.abc import Iterator

import pytest

from tests.support.processes import until
from worker.child_process import Channel, Stack
from worker.protocol import CANCEL, PING, Joins, MemberCommands


@pytest.fixture
def stack() -> Iterator[Stack]:
    stack = Stack("signature")
    yield stack
    stack.close()


def joins_of(stack: Stack) -> Joins:
    return Joins(os.dup(stack.theirs.fileno()))


def test_what_was_sent_before_the_end_arrives_and_what_comes_later_is_refused(stack: Stack) -> None:
    joins, channels = joins_of(stack), [Channel() for _ in range(3)]
    assert stack.send({"id": "run_1", "attempt": 1}, channels[0])
    until(lambda: joins.arrived)
    assert stack.send({"id": "run_2", "attempt": 4}, channels[1])
    joins.close()
    assert [joining.member for joining in joins.arrived] == [
        {"id": "run_1", "attempt": 1},
        {"id": "run_2", "attempt": 4},
    ]
    assert not stack.send({"id": "run_3", "attempt": 1}, channels[2])
    for channel in channels:
        channel.close()


def test_the_orders_of_a_member_arrive_and_end_without_the_process() -> None:
    channel = Channel()
    commands = MemberCommands(os.dup(channel.received), lease_seconds=1000)
    channel.send(PING)
    channel.send(CANCEL)
    until(lambda: commands.wanted == CANCEL)
    assert not commands.has_ended
    channel.close()
    until(lambda: commands.has_ended)


def test_a_stack_is_closed_with_its_sockets(stack: Stack) -> None:
    peer = socket.socket(fileno=os.dup(stack.theirs.fileno()))
    stack.close()
    assert peer.recv(1) == b""
    peer.close()
