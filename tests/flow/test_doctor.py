"""Whether a configuration can publish, answered in plain words and an exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.fakes.git import GitRepo
from tests.fakes.github import FakeGitHub
from tests.flow.asking import asked, tags
from tests.flow.charts import chart
from tests.flow.command import Command, Done, credentials
from tests.real.registries import Registry


class Patient:
    """A repository with one chart, and what is asked about it."""

    def __init__(self, tmp_path: Path) -> None:
        self.path = tmp_path.name.replace("_", "-").strip("-")
        self.folder = tmp_path / "repo"
        chart(self.folder, "web", "1.0.0")
        (tmp_path / "home").mkdir()
        self.command = Command(folder=self.folder, home=tmp_path / "home")

    def examine(self, registry: Registry | str, *options: str, **extra: str) -> Done:
        place = registry if isinstance(registry, str) else f"{registry.host}/{self.path}"
        command = Command(folder=self.folder, home=self.command.home, extra=extra)
        return command.run("doctor", "--registry", place, *options)


@pytest.fixture
def patient(tmp_path: Path) -> Patient:
    return Patient(tmp_path)


def marks(done: Done) -> dict[str, str]:
    """Return the mark of each question."""
    lines = [line for line in done.out.splitlines() if not line.startswith("    ->")]
    return {line[4:].split(": ")[0]: line[:3].strip() for line in lines}


@pytest.mark.parametrize("fixture", ["plain_registry", "htpasswd_registry", "tls_registry", "token_registry"])
def test_healthy_configuration_is_well(
    patient: Patient, fixture: str, request: pytest.FixtureRequest
) -> None:
    registry: Registry = request.getfixturevalue(fixture)
    GitRepo(patient.folder).commit("add web")
    done = patient.examine(registry, "--source", "https://example.com/web", *credentials(registry))
    assert done.code == 0, done.out + done.err
    place = f"{registry.host}/{patient.path}"
    assert marks(done) == {
        "chart web": "ok",
        "git": "ok",
        "layout": "ok",
        "source": "ok",
        f"{place} credentials": "ok",
        f"{place} read": "ok",
        f"{place} write": "ok",
        "code host": "ok",
    }


def test_nothing_is_published_and_no_secret_is_told(
    patient: Patient, plain_registry: Registry, htpasswd_registry: Registry
) -> None:
    assert patient.examine(plain_registry).code == 0
    assert tags(plain_registry, f"{patient.path}/web") == []
    done = patient.examine(htpasswd_registry, *credentials(htpasswd_registry))
    assert done.code == 0, done.out + done.err
    assert htpasswd_registry.password not in done.out + done.err


def test_repository_that_says_not_where_it_is_is_a_remark(patient: Patient, plain_registry: Registry) -> None:
    GitRepo(patient.folder).commit("add web")
    done = patient.examine(plain_registry)
    assert (done.code, marks(done)["source"]) == (0, "?")
    assert "-> set `source`" in done.out


@pytest.mark.parametrize("options", [(), ("--username", "alice", "--password", "0ther")])
def test_credentials_that_do_not_serve_are_told_by_exit_code_six(
    patient: Patient, htpasswd_registry: Registry, options: tuple[str, ...]
) -> None:
    done = patient.examine(htpasswd_registry, *options)
    assert done.code == 6, done.out + done.err
    assert "no" in marks(done).values()
    assert "0ther" not in done.out + done.err


def test_registry_that_takes_no_uploads_is_told(patient: Patient, readonly_registry: Registry) -> None:
    done = patient.examine(readonly_registry)
    place = f"{readonly_registry.host}/{patient.path}"
    assert done.code == 5, done.out + done.err
    assert (marks(done)[f"{place} read"], marks(done)[f"{place} write"]) == ("ok", "no")


def test_registry_that_is_down_is_told_and_the_other_one_is_still_asked(
    patient: Patient, plain_registry: Registry
) -> None:
    place = f"{plain_registry.host}/{patient.path}"
    done = patient.examine("127.0.0.1:1/charts", "--registry", place)
    assert done.code == 5, done.out + done.err
    assert marks(done)["127.0.0.1:1/charts read"] == "no"
    assert marks(done)[f"{place} write"] == "ok"


def test_broken_chart_is_told_and_everything_else_is_still_asked(
    patient: Patient, plain_registry: Registry
) -> None:
    (chart(patient.folder, "api", "0.1.0") / "Chart.yaml").write_text("name: api\n")
    done = patient.examine(plain_registry)
    assert done.code == 3, done.out + done.err
    assert (marks(done)["chart charts/api"], marks(done)["chart web"]) == ("no", "ok")
    assert marks(done)[f"{plain_registry.host}/{patient.path} write"] == "ok"


def test_unknown_chart_is_told(patient: Patient, plain_registry: Registry) -> None:
    done = patient.examine(plain_registry, "charts/nothing")
    assert done.code == 2, done.out + done.err
    assert "charts/nothing" in done.out


def test_place_that_is_none_is_told(patient: Patient) -> None:
    done = patient.examine("https://example.com/Charts")
    assert done.code == 2, done.out + done.err
    assert "Traceback" not in done.err


def test_nothing_to_ask_is_well(patient: Patient) -> None:
    done = patient.command.run("doctor")
    assert done.code == 0, done.err
    assert marks(done) == {"chart web": "ok", "git": "ok", "layout": "ok", "code host": "ok"}


def test_code_host_is_asked_who_the_token_is(
    patient: Patient, plain_registry: Registry, github: FakeGitHub, tmp_path: Path
) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"repository": {"default_branch": "main"}}))
    extra = {
        "GITHUB_API_URL": github.api_url,
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_REPOSITORY": "acme/charts",
    }
    done = patient.examine(plain_registry, "--github-token", "t0ken", **extra)
    assert (done.code, marks(done)["code host"]) == (0, "ok"), done.out + done.err
    done = patient.examine(plain_registry, "--github-token", "0ther", **extra)
    assert (done.code, marks(done)["code host"]) == (7, "no"), done.out + done.err
    assert "0ther" not in done.out + done.err
    assert github.state.comments == {}


def test_dependency_host_that_is_down_is_told(patient: Patient, plain_registry: Registry) -> None:
    (patient.folder / "charts/web/Chart.yaml").write_text(
        "apiVersion: v2\nname: web\nversion: 1.0.0\n"
        "dependencies:\n- name: lib\n  version: 1.0.0\n  repository: http://127.0.0.1:1/charts\n"
    )
    done = patient.examine(plain_registry)
    assert done.code == 5, done.out + done.err
    assert marks(done)["chart web"] == "no"
    assert "127.0.0.1:1" in done.out
    assert marks(done)[f"{plain_registry.host}/{patient.path} write"] == "ok"


def test_home_that_cannot_be_written_is_told(patient: Patient, plain_registry: Registry) -> None:
    (patient.folder.parent / "file").write_text("no folder")
    done = patient.examine(plain_registry, OCI_CHART_CACHE=str(patient.folder.parent / "file" / "cache"))
    assert done.code == 2, done.out + done.err
    assert marks(done)["layout"] == "no"
    assert "-> choose another folder with --layout" in done.out


def test_registry_of_a_single_chart_and_that_of_previews_are_asked_too(
    patient: Patient, plain_registry: Registry
) -> None:
    place = f"{plain_registry.host}/{patient.path}"
    chart(patient.folder, "api", "1.0.0")
    (patient.folder / ".oci-chart-publish.yaml").write_text(
        "chart-settings:\n  api:\n    registries: [127.0.0.1:1/own]\npreview: 127.0.0.1:2/previews\n"
    )
    done = patient.examine(plain_registry)
    assert done.code == 5, done.out + done.err
    seen = marks(done)
    assert (seen[f"{place} read"], seen[f"{place} write"]) == ("ok", "ok")
    assert (seen["127.0.0.1:1/own read"], seen["127.0.0.1:2/previews read"]) == ("no", "no")
    assert f"{place}/web takes uploads" in done.out


def test_repository_of_every_chart_is_asked(patient: Patient, plain_registry: Registry) -> None:
    chart(patient.folder, "api", "1.0.0")
    done = patient.examine(plain_registry)
    assert done.code == 0, done.out + done.err
    assert "each of 2 repositories takes uploads" in done.out
    blob = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    for name in ("web", "api"):
        assert asked(plain_registry, f"{patient.path}/{name}/blobs/{blob}") == b"{}"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("commit-types: {'(': minor}", "commit-types: '(' is no regular expression"),
        ("preview-template: nonsense", "preview-template: 'nonsense' needs {number}"),
    ],
)
def test_setting_of_no_meaning_is_told(
    patient: Patient, plain_registry: Registry, settings: str, words: str
) -> None:
    (patient.folder / ".oci-chart-publish.yaml").write_text(settings)
    done = patient.examine(plain_registry)
    assert done.code == 2, done.out + done.err
    assert words in done.out + done.err
