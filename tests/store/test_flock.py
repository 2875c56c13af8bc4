"""Where a system locks bytes and not files, a lock is still shared by some or held by one."""

from __future__ import annotations

import errno
import os
from functools import partial

import pytest

from taggant.store import flock, lock

TAKE, FREE = 2, 0


class Bytes:
    """``msvcrt.locking``: each byte for one handle; nobody frees what is another's."""

    def __init__(self) -> None:
        self.held: dict[int, int] = {}

    def locking(self, handle: int, what: int, count: int) -> None:
        start = os.lseek(handle, 0, os.SEEK_CUR)
        wanted = range(start, start + count)
        if what == TAKE:
            if any(place in self.held for place in wanted):
                raise OSError(errno.EACCES, "Permission denied")
            self.held |= dict.fromkeys(wanted, handle)
            return
        if any(self.held.get(place) != handle for place in wanted):
            raise OSError(errno.EACCES, "Permission denied")
        for place in wanted:
            del self.held[place]

    def close(self, handle: int) -> None:
        self.held = {place: one for place, one in self.held.items() if one != handle}


@pytest.fixture
def take():
    known = Bytes()
    take = partial(flock.lock_bytes, locking=known.locking, take=TAKE, free=FREE)
    take.known = known
    return take


@pytest.fixture
def handles(tmp_path):
    opened = [os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT) for _ in range(3)]
    yield opened
    for handle in opened:
        os.close(handle)


def test_some_share_it_and_nobody_else_has_it_alone(take, handles):
    one, two, three = handles
    assert take(one, True)
    assert take(two, True)
    assert not take(three, False)
    take.known.close(one)
    assert not take(three, False)
    take.known.close(two)
    assert take(three, False)


def test_who_has_it_alone_shares_it_with_nobody(take, handles):
    one, two, _ = handles
    assert take(one, False)
    assert not take(two, True)
    assert not take(two, False)
    take.known.close(one)
    assert take(two, True)


def test_who_shares_it_with_nobody_may_have_it_alone(take, handles):
    one, two, _ = handles
    assert take(one, True)
    assert take(one, False)
    assert not take(two, True)


def test_where_an_open_file_stays_the_last_to_close_it_removes_it(monkeypatch, tmp_path):
    monkeypatch.setattr(flock, "REMOVED_WHEN_CLOSED", True)
    path = tmp_path / "lock"
    with lock.locked(path, lambda: None):
        assert path.exists()
    assert not path.exists()
    path.touch()
    lock.clear(tmp_path)
    assert not path.exists()
