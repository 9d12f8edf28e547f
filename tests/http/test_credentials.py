"""Where credentials come from, and to whom they belong."""

from __future__ import annotations

import base64
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.http.credentials import Credential, discover, normalise
from oci_chart_publish.oci.reference import Repository


def entry(user: str, password: str = "pw") -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def write(path: Path, **document: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def user(environment: dict[str, str], repository: str, **sources: Any) -> str:
    found = discover(environment, **sources).find(Repository.parse(repository))
    return found.username if found else "nobody"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "somewhere"


def test_the_sources_are_asked_in_order(home: Path, tmp_path: Path) -> None:
    """Each source is taken away in turn, and the next one answers."""
    environment = {
        "HOME": str(home),
        "REGISTRY_AUTH_FILE": str(write(tmp_path / "auth.json", auths={"ghcr.io": entry("auth-file")})),
        "XDG_RUNTIME_DIR": str(tmp_path / "run"),
        "DOCKER_CONFIG": str(tmp_path / "docker"),
    }
    files = [
        write(home / ".config/helm/registry/config.json", auths={"ghcr.io": entry("helm")}),
        tmp_path / "auth.json",
        write(tmp_path / "run/containers/auth.json", auths={"ghcr.io": entry("runtime")}),
        write(home / ".config/containers/auth.json", auths={"ghcr.io": entry("containers")}),
        write(tmp_path / "docker/config.json", auths={"ghcr.io": entry("docker")}),
    ]
    explicit = {"ghcr.io": Credential(username="explicit", password="x")}
    document = json.dumps({"auths": {"ghcr.io": entry("inline")}})
    assert user(environment, "ghcr.io/a/b", explicit=explicit, document=document) == "explicit"
    assert user(environment, "ghcr.io/a/b", document=document) == "inline"
    found = []
    for file in files:
        found.append(user(environment, "ghcr.io/a/b"))
        file.unlink()
    assert found == ["helm", "auth-file", "runtime", "containers", "docker"]
    assert user(environment, "ghcr.io/a/b") == "nobody"


def test_the_places_follow_the_environment(home: Path, tmp_path: Path) -> None:
    write(tmp_path / "helm/registry/config.json", auths={"a.test": entry("helm-home")})
    named = write(tmp_path / "named.json", auths={"a.test": entry("named")})
    write(tmp_path / "xdg/containers/auth.json", auths={"b.test": entry("xdg")})
    write(home / ".docker/config.json", auths={"c.test": entry("docker-home")})
    environment = {
        "HOME": str(home),
        "HELM_CONFIG_HOME": str(tmp_path / "helm"),
        "XDG_CONFIG_HOME": str(tmp_path / "xdg"),
    }
    assert user(environment, "a.test/x") == "helm-home"
    assert user({**environment, "HELM_REGISTRY_CONFIG": str(named)}, "a.test/x") == "named"
    assert user(environment, "a.test/x", registry_config=str(named)) == "named"
    assert user(environment, "b.test/x") == "xdg"
    assert user(environment, "c.test/x") == "docker-home"
    assert user({}, "c.test/x") == "nobody"


def test_netrc_is_no_source(tmp_path: Path) -> None:
    home = tmp_path / "netrc-home"
    home.mkdir()
    (home / ".netrc").write_text("machine a.test login mallory password x\n")
    assert user({"HOME": str(home)}, "a.test/x") == "nobody"


def inline(repository: str, auths: dict[str, Any], **more: Any) -> str:
    return user({}, repository, document=json.dumps({"auths": auths, **more}))


@pytest.mark.parametrize(
    "repository", ["ghcr.io.evil.test/a", "evilghcr.io/a", "xghcr.io/a", "ghcr.io:5000/a", "cr.io/a"]
)
def test_a_host_matches_exactly_and_never_in_part(repository: str) -> None:
    assert inline(repository, {"ghcr.io": entry("alice")}) == "nobody"


def test_the_longest_path_wins_and_paths_end_at_a_slash() -> None:
    auths = {
        "r.test": entry("host"),
        "r.test/team": entry("team"),
        "r.test/team/web": entry("web"),
    }
    assert inline("r.test/team/web", auths) == "web"
    assert inline("r.test/team/web/sub", auths) == "web"
    assert inline("r.test/team/website", auths) == "team"
    assert inline("r.test/teams/web", auths) == "host"


@pytest.mark.parametrize(
    "key", ["https://r.test/", "https://r.test", "http://r.test/", "r.test/", "R.test", "https://r.test/v2/"]
)
def test_keys_of_old_files_match_too(key: str) -> None:
    assert inline("r.test/a", {key: entry("alice")}) == "alice"


def test_the_new_spelling_of_a_key_wins() -> None:
    assert inline("r.test/a", {"r.test": entry("new"), "https://r.test/": entry("old")}) == "new"
    assert inline("r.test/a", {"https://r.test/": entry("old"), "r.test": entry("new")}) == "new"


@pytest.mark.parametrize(
    "key", ["https://index.docker.io/v1/", "docker.io", "index.docker.io", "registry-1.docker.io"]
)
@pytest.mark.parametrize(
    "repository", ["docker.io/acme/web", "index.docker.io/acme/web", "registry-1.docker.io/acme/web"]
)
def test_docker_hub_has_many_names(key: str, repository: str) -> None:
    assert inline(repository, {key: entry("alice")}) == "alice"


def test_port_443_is_the_default_port() -> None:
    assert inline("r.test:443/a", {"r.test": entry("alice")}) == "alice"
    assert inline("r.test/a", {"r.test:443": entry("alice")}) == "alice"
    assert inline("r.test:444/a", {"r.test": entry("alice")}) == "nobody"


def test_a_password_may_hold_colons_and_more() -> None:
    document = json.dumps({"auths": {"r.test": entry("alice", "a:b:€")}})
    found = discover({}, document=document).find(Repository("r.test", "x"))
    assert found == Credential(
        username="alice", password="a:b:€", origin="r.test in the registry credentials given"
    )


def test_user_and_password_may_stand_apart_and_an_identity_token_counts() -> None:
    auths = {
        "a.test": {"username": "alice", "password": "pw"},
        "b.test": {"identitytoken": "long-lived"},
        "c.test": {},
        "d.test": {**entry("00000000-0000-0000-0000-000000000000", ""), "identitytoken": "acr"},
    }
    found = discover({}, document=json.dumps({"auths": auths}))
    shown = [found.find(Repository(f"{name}.test", "x")) for name in "abcd"]
    assert [each and (each.username, each.password, each.identity_token) for each in shown] == [
        ("alice", "pw", ""),
        ("", "", "long-lived"),
        None,
        ("00000000-0000-0000-0000-000000000000", "", "acr"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON, line 1"),
        ("[]", "not a JSON object"),
        ('{"auths": ["x"]}', "'auths' is not an object"),
        ('{"auths": {"a.test": {"auth": "%%%"}}}', "'auth' is not base64 of user:password"),
        ('{"auths": {"a.test": {"auth": "aHVudGVyMg=="}}}', "'auth' is not base64 of user:password"),
    ],
)
def test_a_broken_document_is_an_error_that_quotes_nothing_of_it(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        discover({}, document=text).find(Repository("a.test", "x"))
    assert message in str(caught.value)
    assert "%%%" not in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_file_named_by_option_has_to_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.json: the credentials file does not exist"):
        user({}, "a.test/x", registry_config=str(tmp_path / "none.json"))


def test_nothing_is_read_before_the_first_question(tmp_path: Path) -> None:
    credentials = discover(
        {"DOCKER_CONFIG": str(tmp_path)}, document="{", registry_config=str(tmp_path / "none.json")
    )
    with pytest.raises(ConfigError):
        credentials.find(Repository.parse("a.test/x"))


def test_a_credential_shows_no_secret() -> None:
    credential = Credential(username="alice", password="hunter2", identity_token="hunter3", origin="x")
    assert repr(credential) == "Credential(username='alice', origin='x')"
    assert credential.basic == "Basic YWxpY2U6aHVudGVyMg=="
    assert credential.secrets() == {"hunter2", "hunter3", "YWxpY2U6aHVudGVyMg=="}


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("https://index.docker.io/v1/", "docker.io"),
        ("HTTPS://x/", "x"),
        ("https://R.test/Team/", "r.test/Team"),
        ("r.test:5000", "r.test:5000"),
    ],
)
def test_keys_are_normalised(key: str, expected: str) -> None:
    assert normalise(key) == expected


# helpers


@pytest.fixture
def helper(tmp_path: Path) -> Any:
    """Write ``docker-credential-<name>`` programs that log the question and print an answer."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def make(name: str, output: str, code: int = 0) -> dict[str, str]:
        (folder / f"{name}.out").write_text(output)
        program = folder / f"docker-credential-{name}"
        program.write_text(
            f'#!/bin/sh\nread -r server\necho "$1 $server" >> {folder}/{name}.log\n'
            f"cat {folder}/{name}.out\nexit {code}\n"
        )
        program.chmod(0o755)
        return {"PATH": f"{folder}:/usr/bin:/bin"}

    make.folder = folder  # type: ignore[attr-defined]
    return make


def answer(name: str, secret: str = "pw") -> str:
    return json.dumps({"ServerURL": "x", "Username": name, "Secret": secret})


def asked(environment: dict[str, str], repository: str, **document: Any) -> Credential | None:
    return discover(environment, document=json.dumps(document)).find(Repository.parse(repository))


def test_a_helper_of_the_host_wins_over_the_store_and_the_store_over_the_entry(helper: Any) -> None:
    environment = helper("one", answer("from-helper"))
    helper("two", answer("from-store"))
    document = {
        "credHelpers": {"a.test": "one"},
        "credsStore": "two",
        "auths": {"a.test": entry("x"), "b.test": entry("y")},
    }
    first, second = asked(environment, "a.test/x", **document), asked(environment, "b.test/x", **document)
    assert first is not None
    assert second is not None
    assert (first.username, second.username) == ("from-helper", "from-store")
    assert first.origin == "docker-credential-one of the registry credentials given"
    assert (helper.folder / "one.log").read_text() == "get a.test\n"


def test_a_helper_is_asked_for_docker_hub_by_its_key_and_once(helper: Any) -> None:
    environment = helper("one", answer("alice"))
    found = discover(environment, document='{"credsStore": "one"}')
    for path in ("a/b", "a/c"):
        found.find(Repository("docker.io", path))
    assert (helper.folder / "one.log").read_text() == "get https://index.docker.io/v1/\n"


def test_the_user_name_of_a_token_means_an_identity_token(helper: Any) -> None:
    found = asked(helper("one", answer("<token>", "long-lived")), "a.test/x", credsStore="one")
    assert found is not None
    assert (found.username, found.password, found.identity_token) == ("", "", "long-lived")


def test_credentials_not_found_is_no_error_and_no_warning(
    helper: Any, caplog: pytest.LogCaptureFixture
) -> None:
    environment = helper("one", "credentials not found in native keychain\n", 1)
    found = asked(environment, "a.test/x", credsStore="one", auths={"a.test": entry("alice")})
    assert found is not None
    assert found.username == "alice"
    assert caplog.text == ""


def test_a_missing_helper_is_a_warning_that_names_the_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "docker/config.json", credsStore="desktop")
    environment = {"DOCKER_CONFIG": str(tmp_path / "docker"), "PATH": "/usr/bin"}
    with caplog.at_level(logging.WARNING):
        assert user(environment, "a.test/x") == "nobody"
    assert f"{path}: docker-credential-desktop: cannot be run: No such file or directory" in caplog.text


@pytest.mark.parametrize(
    ("output", "code"),
    [("boom hunter2", 2), ("not JSON hunter2", 0), ('{"Username": 1, "Secret": "hunter2"}', 0), ("[]", 0)],
)
def test_a_helper_that_fails_is_a_warning_without_its_output(
    helper: Any, caplog: pytest.LogCaptureFixture, output: str, code: int
) -> None:
    with caplog.at_level(logging.DEBUG):
        assert asked(helper("one", output, code), "a.test/x", credsStore="one") is None
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize("suffix", ["x;id", "../x", "a b", "x\ny", "$(id)"])
def test_a_helper_with_an_unsafe_name_is_not_run(
    helper: Any, caplog: pytest.LogCaptureFixture, suffix: str
) -> None:
    with caplog.at_level(logging.WARNING):
        assert asked(helper("x", answer("alice")), "a.test/x", credsStore=suffix) is None
    assert "is not the name of a credential helper; ignored" in caplog.text
    assert not (helper.folder / "x.log").exists()


def test_base64_with_line_breaks_is_read_and_a_broken_entry_concerns_its_own_host_alone(
    tmp_path: Path,
) -> None:
    long = base64.encodebytes(f"alice:{'p' * 120}".encode()).decode()
    assert "\n" in long.strip()
    auths = {"a.test": {"auth": long}, "b.test": {"auth": "%%%"}, "c.test": {"auth": "aHVudGVyMg=="}}
    found = discover({"HOME": str(tmp_path)}, document=json.dumps({"auths": auths}))
    credential = found.find(Repository("a.test", "x"))
    assert credential is not None
    assert credential.password == "p" * 120
    assert found.find(Repository("other.test", "x")) is None
    for host in ("b.test", "c.test"):
        with pytest.raises(ConfigError, match=rf"{host} in .*'auth' is not base64 of user:password"):
            found.find(Repository(host, "x"))
