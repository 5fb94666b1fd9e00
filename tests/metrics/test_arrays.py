import threading

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from aebench.metrics.arrays import in_threads


def granted():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_come_in_order(threads):
    assert list(in_threads(lambda x: x * x, range(20), threads)) == [x * x for x in range(20)]


def test_two_threads_work_at_the_same_time():
    both = threading.Barrier(2, timeout=10)
    assert len(list(in_threads(lambda _: both.wait(), range(2), threads=2))) == 2


def test_as_many_threads_as_linear_algebra_has_been_granted_each_with_one():
    with threadpool_limits(2, user_api="blas"):
        both = threading.Barrier(2, timeout=10)
        seen = list(in_threads(lambda _: (both.wait(), granted())[1], range(2)))
        assert all(set(counts) == {1} for counts in seen)
        assert set(granted()) == {2}
    with threadpool_limits(1, user_api="blas"):
        names = set(in_threads(lambda _: threading.current_thread().name, range(4)))
        assert names == {threading.current_thread().name}
