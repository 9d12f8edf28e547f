"""The memo: values by kind and key that outlive the process and may be lost."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from oci_chart_publish.layout.memo import Memo

WRITER = """
import sys
from pathlib import Path
from oci_chart_publish.layout.memo import Memo
memo = Memo(Path(sys.argv[1]))
for number in range(200):
    memo.put("layer", f"{sys.argv[2]}-{number}", {"size": number})
"""


def test_nothing_is_created_before_something_is_put(tmp_path: Path) -> None:
    assert Memo(tmp_path / "memo").get("layer", "a") is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "value", [True, False, 0, "text", ["a", 1], {"digest": "sha256:00", "size": 3}, "ü\n\u2028"]
)
def test_a_value_is_there_for_the_next_process(tmp_path: Path, value: object) -> None:
    Memo(tmp_path / "memo").put("same", "a key\nof two lines", value)
    assert Memo(tmp_path / "memo").get("same", "a key\nof two lines") == value


def test_kinds_do_not_mix_and_the_last_value_counts(tmp_path: Path) -> None:
    memo = Memo(tmp_path / "memo")
    memo.put("layer", "key", 1)
    memo.put("same", "key", 2)
    memo.put("layer", "key", 3)
    again = Memo(tmp_path / "memo")
    assert (again.get("layer", "key"), again.get("same", "key")) == (3, 2)


def test_putting_a_known_value_again_writes_nothing(tmp_path: Path) -> None:
    Memo(tmp_path / "memo").put("layer", "key", 1)
    before = (tmp_path / "memo" / "layer.jsonl").read_bytes()
    Memo(tmp_path / "memo").put("layer", "key", 1)
    assert (tmp_path / "memo" / "layer.jsonl").read_bytes() == before == b'\n["key",1]\n'


def test_a_line_cut_short_by_a_kill_costs_only_itself(tmp_path: Path) -> None:
    Memo(tmp_path / "memo").put("layer", "first", 1)
    with (tmp_path / "memo" / "layer.jsonl").open("ab") as file:
        file.write(b'\n["second",{"si')
    Memo(tmp_path / "memo").put("layer", "third", 3)
    memo = Memo(tmp_path / "memo")
    assert [memo.get("layer", key) for key in ("first", "second", "third")] == [1, None, 3]


@pytest.mark.parametrize("data", [b"\x00" * 100, b"[" * 100_000, b'{"a":1}\n["a"]\n[1,2]\nnull\n'])
def test_rubbish_is_an_empty_memo(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "memo").mkdir()
    (tmp_path / "memo" / "layer.jsonl").write_bytes(data)
    memo = Memo(tmp_path / "memo")
    assert memo.get("layer", "a") is None
    memo.put("layer", "a", 1)
    assert Memo(tmp_path / "memo").get("layer", "a") == 1


def test_the_memo_may_be_deleted_while_it_is_used(tmp_path: Path) -> None:
    memo = Memo(tmp_path / "memo")
    memo.put("layer", "a", 1)
    (tmp_path / "memo" / "layer.jsonl").unlink()
    (tmp_path / "memo").rmdir()
    memo.put("layer", "b", 2)
    assert (memo.get("layer", "a"), Memo(tmp_path / "memo").get("layer", "b")) == (1, 2)


def test_the_older_half_is_forgotten_beyond_the_limit(tmp_path: Path) -> None:
    memo = Memo(tmp_path / "memo", limit=2000)
    for number in range(200):
        memo.put("layer", f"key {number}", number)
    again = Memo(tmp_path / "memo", limit=2000)
    assert [again.get("layer", f"key {number}") for number in (0, 99, 100, 199)] == [None, None, 100, 199]
    assert (tmp_path / "memo" / "layer.jsonl").stat().st_size < 2000
    assert list((tmp_path / "ingest").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "memo").write_bytes(b"a file in the way")
    memo = Memo(tmp_path / "memo")
    memo.put("layer", "a", 1)
    assert memo.get("layer", "a") == 1
    assert Memo(tmp_path / "memo").get("layer", "a") is None


def test_threads_and_processes_lose_nothing(tmp_path: Path) -> None:
    children = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path / "memo"), name])
        for name in ("one", "two")
    ]
    memo = Memo(tmp_path / "memo")

    def put_hundred(name: int) -> None:
        for number in range(100):
            memo.put("layer", f"{name}-{number}", number)

    threads = [threading.Thread(target=put_hundred, args=[name]) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [child.wait(60) for child in children] == [0, 0]
    again = Memo(tmp_path / "memo")
    assert [again.get("layer", f"{t}-{n}") for t in range(4) for n in range(100)] == list(range(100)) * 4
    assert [again.get("layer", f"{name}-{n}") for name in ("one", "two") for n in range(200)] == [
        {"size": n} for n in list(range(200)) * 2
    ]
