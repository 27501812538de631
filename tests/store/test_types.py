"""Values as they lie in the database and as they come out."""

from datetime import timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from seedbank.store.types import EPOCH, SURE, moment


@given(st.integers(-(2**55), 2**57))
@example(SURE - 1)
@example(SURE)
@example(-1)
@example(1_795_409_343_355_236)
def test_a_time_comes_out_to_the_microsecond(microseconds: int):
    found = moment(microseconds)
    assert found - EPOCH == timedelta(microseconds=microseconds)
    assert found.utcoffset() == timedelta(0)
