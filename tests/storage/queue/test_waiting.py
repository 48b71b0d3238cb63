"""The list of the queue says of each waiting run how many come before it."""

from hypothesis import given
from hypothesis import strategies as st

from app.storage.queue.turns import Line, in_order
from app.storage.queue.waiting import Before, numbers_before

LINES = st.lists(
    st.builds(
        Line,
        owner=st.sampled_from(["", "s1", "s2", "s3"]),
        precedence=st.sampled_from([-1.0, 0.0, 2.5]),
        count=st.integers(0, 4),
        served=st.sampled_from([0.0, 1.0, 1.5, 7.0]),
        joined=st.sampled_from(["", "run_1", "run_2"]),
        mean=st.sampled_from([0.5, 1.0, 3.3]),
    ),
    max_size=8,
    unique_by=lambda line: (line.owner, line.precedence),
)


@given(LINES, st.sets(st.sampled_from(["", "s1", "s2", "s3"])), st.integers(0, 40), st.integers(0, 40))
def test_the_numbers_before_a_turn_are_those_of_all_owners_on_every_page(
    lines: list[Line], seen: set[str], first: int, limit: int
) -> None:
    everyone = list(in_order(lines))
    page = [turn for turn in everyone if turn.owner in seen][first : first + limit]
    found = dict(numbers_before(page, lines))
    assert list(found) == page
    for turn in page:
        before = everyone[: everyone.index(turn)]
        urgent = sum(other.precedence < turn.precedence for other in before)
        others = sum(other.owner != turn.owner for other in before)
        assert found[turn] == Before(len(before), urgent, others)
