"""Charts and surroundings at the edge: each ends in a message that says what to do, or makes no difference at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fakes.git import chart_yaml
from tests.flow.command import ROOT, Command, repository
from tests.real.delay import delayed
from tests.real.helm import helm
from tests.real.registries import Registry


@pytest.fixture
def command(tmp_path: Path) -> Command:
    (tmp_path / "home").mkdir()
    return Command(folder=repository(tmp_path / "repo"), home=tmp_path / "home")


def test_charts_that_depend_on_each_other_are_named_and_the_others_are_published(
    command: Command, plain_registry: Registry
) -> None:
    for one, other in (("hen", "egg"), ("egg", "hen")):
        folder = command.folder / "charts" / one
        folder.mkdir()
        needs = f"dependencies:\n- name: {other}\n  version: 1.0.0\n  repository: file://../{other}\n"
        (folder / "Chart.yaml").write_text(chart_yaml(one, "1.0.0") + needs)
    done = command.run("publish", "--registry", f"{plain_registry.host}/circle")
    assert done.code == 3
    assert "charts that depend on each other:" in done.err
    assert "take one of these dependencies out" in done.err
    assert "4 published" in done.out


def test_upper_case_name_gets_no_request(command: Command, plain_registry: Registry) -> None:
    (command.folder / "charts/Web").mkdir()
    (command.folder / "charts/Web/Chart.yaml").write_text(chart_yaml("Web", "1.0.0"))
    plain_registry.clear()
    done = command.run("publish", "charts/Web", "--registry", f"{plain_registry.host}/upper")
    assert done.code == 2
    assert "write it in lower case" in done.err
    assert plain_registry.requests() == []


def test_tag_that_no_registry_takes_is_named_before_any_request(
    command: Command, plain_registry: Registry
) -> None:
    version = "1.0.0+" + "a" * 130
    (command.folder / "charts/long").mkdir()
    (command.folder / "charts/long/Chart.yaml").write_text(chart_yaml("long", version))
    plain_registry.clear()
    done = command.run("publish", "charts/long", "--registry", f"{plain_registry.host}/long")
    assert done.code == 2
    assert "Traceback" not in done.err
    assert plain_registry.requests() == []


def test_chart_ten_times_larger_is_published_and_read_back(
    command: Command, plain_registry: Registry
) -> None:
    data = os.urandom(3 * 1024 * 1024)
    (command.folder / "charts/chart-0/blob.bin").write_bytes(data)
    place = f"{plain_registry.host}/large"
    done = command.publish(place, charts=["charts/chart-0"])
    assert done.code == 0, done.err
    assert done.report["charts"][0]["size"] > len(data)
    assert command.run("verify", "charts/chart-0", "--registry", place).code == 0
    shown = command.run("diff", f"oci://{place}/chart-0:1.0.0", "charts/chart-0", "--exit-code")
    assert shown.code == 0, shown.out


def test_peak_memory_stays_below_three_times_a_large_chart(
    command: Command, plain_registry: Registry, tmp_path: Path
) -> None:
    mib = 72
    with (command.folder / "charts/chart-0/blob.bin").open("wb") as file:
        for _ in range(mib):
            file.write(os.urandom(1024 * 1024))
    line = ("publish", "charts/chart-0", "--registry", f"{plain_registry.host}/peak")
    # Measured by a small process: Linux counts what the parent held at the start as the child's.
    launch = (sys.executable, "-S", str(ROOT / "benchmarks" / "launch.py"), str(tmp_path / "took.json"))
    program = (sys.executable, "-m", "oci_chart_publish", *line)
    subprocess.run(
        [*launch, *program], cwd=command.folder, env=command.environment(), check=True, capture_output=True
    )
    _, _, peak = json.loads((tmp_path / "took.json").read_text())
    assert peak < 3 * mib


def test_umask_modes_and_times_make_no_difference(command: Command, tmp_path: Path) -> None:
    expected = command.publish().digests()
    for number, path in enumerate(sorted(command.folder.rglob("*"))):
        os.utime(path, (number, 1_000_000 + number))
        path.chmod(0o700 if number % 2 else 0o755)
    (tmp_path / "strict").mkdir()
    before = os.umask(0o077)
    try:
        done = Command(folder=command.folder, home=tmp_path / "strict").publish()
    finally:
        os.umask(before)
    assert done.digests() == expected


def test_line_ends_are_published_as_the_tree_has_them(
    command: Command, plain_registry: Registry, tmp_path: Path
) -> None:
    chart = command.folder / "charts/chart-0"
    for path in (path for path in chart.rglob("*") if path.is_file()):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    place = f"{plain_registry.host}/windows"
    assert command.publish(place, charts=["charts/chart-0"]).code == 0
    client = helm(tmp_path / "helm")
    found = ("--version", "1.0.0", "--plain-http", "--untar", "--untardir", tmp_path / "out")
    client.run("pull", f"oci://{place}/chart-0", *found)
    for path in (path for path in chart.rglob("*") if path.is_file()):
        assert (tmp_path / "out/chart-0" / path.relative_to(chart)).read_bytes() == path.read_bytes()


def test_dry_run_says_what_it_would_do_and_writes_nothing(command: Command, plain_registry: Registry) -> None:
    plain_registry.clear()
    done = command.publish(f"{plain_registry.host}/dry", options=["--dry-run"])
    assert done.code == 0, done.err
    assert set(done.statuses().values()) == {"would-publish"}
    assert set() < {method for method, _, _ in plain_registry.requests()} <= {"HEAD", "GET"}
    assert done.report["dry_run"] is True


def test_interrupted_run_ends_with_130_and_leaves_no_half_chart(
    command: Command, plain_registry: Registry
) -> None:
    with delayed(plain_registry.host, 300) as far:  # long enough to be met in the middle
        process = command.start("publish", "--registry", f"{far}/interrupted")
        while not any("interrupted" in path for _, path, _ in plain_registry.requests()):
            assert process.poll() is None, process.communicate()
        process.send_signal(2)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert b"Traceback" not in said
    assert b"run again to go on" in said
    assert command.publish(f"{plain_registry.host}/interrupted").code == 0
