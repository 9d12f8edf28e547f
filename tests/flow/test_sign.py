"""Charts signed as they are published and afterwards, verified by the real cosign and notation."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.flow.asking import asked
from tests.flow.charts import chart
from tests.flow.command import Command, Done
from tests.real.registries import Registry
from tests.real.tools import tool
from tests.sign import keys

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
NOTATION = "application/vnd.cncf.notary.signature"


class Signing:
    """One chart, a registry, and a key of each kind in the folder of the run."""

    def __init__(self, tmp_path: Path, registry: Registry) -> None:
        self.registry = registry
        self.home = tmp_path / "home"
        self.home.mkdir()
        self.folder = tmp_path / "repo"
        chart(self.folder, "web", "1.0.0")
        self.place = f"{registry.host}/{tmp_path.name.replace('_', '-').strip('-')}"
        self.key = keys.made("P-256")
        (self.folder / "cosign.key").write_text(keys.cosign_pem(self.key, "s3cret"))
        (self.folder / "cosign.pub").write_text(keys.public_pem(self.key))
        (self.folder / "notation.key").write_text(keys.pem(self.key))
        (self.folder / "notation.crt").write_text(keys.certificate(self.key))
        self.command = Command(folder=self.folder, home=self.home)
        self.options = (
            *("--sign", "cosign", "--cosign-key", "cosign.key", "--cosign-password", "s3cret"),
            *("--sign", "notation", "--notation-key", "notation.key"),
            *("--notation-certificate", "notation.crt"),
        )

    def publish(self, *options: str) -> Done:
        return self.command.publish(self.place, options=options)

    def digest(self) -> str:
        digest: str = json.loads(self.publish("--dry-run", "--json").out)["charts"][0]["digest"]
        return digest

    def referrers(self, digest: str) -> list[dict[str, Any]]:
        repository = f"{self.place.partition('/')[2]}/web"
        for target in (f"referrers/{digest}", f"manifests/{digest.replace(':', '-')}"):
            answer = asked(self.registry, f"{repository}/{target}", "application/vnd.oci.image.index.v1+json")
            if answer is not None and json.loads(answer).get("manifests"):
                found: list[dict[str, Any]] = json.loads(answer)["manifests"]
                return found
        return []


@pytest.fixture(params=["olareg", "plain_registry"])
def signing(tmp_path: Path, request: pytest.FixtureRequest) -> Signing:
    return Signing(tmp_path, request.getfixturevalue(request.param))


def test_a_chart_is_signed_once_before_its_tag_is_written(signing: Signing) -> None:
    first = signing.publish(*signing.options)
    assert first.code == 0, first.err
    digest = signing.digest()
    kinds = sorted(entry["artifactType"] for entry in signing.referrers(digest))
    assert kinds == [NOTATION, BUNDLE]
    ours = signing.place.partition("/")[2]  # the registry serves other tests, too
    requests = [(method, path) for method, path, _ in signing.registry.requests() if f"/{ours}/" in path]
    written = [(method, path) for method, path in requests if method == "PUT"]
    manifests = [path.rpartition("/")[2] for _, path in written if "/manifests/" in path]
    assert manifests[0] == digest
    assert manifests[-1] == "1.0.0"
    before = signing.referrers(digest)
    again = signing.publish(*signing.options)
    assert again.code == 0, again.err
    assert signing.referrers(digest) == before


def test_another_run_adds_what_is_missing(signing: Signing) -> None:
    assert signing.publish().code == 0
    digest = signing.digest()
    assert signing.referrers(digest) == []
    done = signing.publish(*signing.options)
    assert done.code == 0, done.err
    assert len(signing.referrers(digest)) == 2


def test_sign_signs_what_is_published(signing: Signing) -> None:
    assert signing.publish().code == 0
    digest = signing.digest()
    reference = f"oci://{signing.place}/web:1.0.0"
    dry = signing.command.run("sign", reference, *signing.options, "--dry-run")
    assert (dry.code, dry.out.strip()) == (0, f"{reference}@{digest}: would-sign (cosign, notation)")
    assert signing.referrers(digest) == []
    done = signing.command.run("sign", reference, *signing.options)
    assert (done.code, done.out.strip()) == (0, f"{reference}@{digest}: signed (cosign, notation)")
    again = signing.command.run("sign", f"oci://{signing.place}/web@{digest}", *signing.options)
    assert (again.code, again.out.strip()) == (0, f"oci://{signing.place}/web@{digest}@{digest}: unchanged")


def test_a_key_that_does_not_load_ends_the_run_before_anything_is_sent(signing: Signing) -> None:
    for options, words in (
        (("--sign", "cosign"), "sign: cosign needs cosign-key"),
        (("--sign", "cosign", "--cosign-key", "cosign.key"), "the password does not open the key"),
        (
            ("--sign", "notation", "--notation-key", "notation.key"),
            "sign: notation needs notation-certificate",
        ),
    ):
        done = signing.publish(*options)
        assert done.code == 2
        assert words in done.err
    assert [line for line in signing.registry.requests() if signing.place.partition("/")[2] in line[1]] == []


def verified(*command: str, home: Path) -> tuple[int, str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_CONFIG_HOME": str(home / "config")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_real_cosign_verifies_and_refuses_another_key(signing: Signing) -> None:
    cosign = tool("cosign")
    assert signing.publish(*signing.options).code == 0
    reference = f"{signing.place}/web@{signing.digest()}"
    other = signing.folder / "other.pub"
    other.write_text(keys.public_pem(keys.made("P-256")))
    flags = ("--insecure-ignore-tlog=true", "--allow-http-registry", reference)
    code, words = verified(
        cosign, "verify", "--key", str(signing.folder / "cosign.pub"), *flags, home=signing.home
    )
    assert code == 0, words
    code, words = verified(cosign, "verify", "--key", str(other), *flags, home=signing.home)
    assert code != 0, words


def test_the_real_notation_verifies_and_refuses_what_is_unsigned(signing: Signing) -> None:
    notation = tool("notation")
    home = signing.home
    policy = home / "policy.json"
    policy.write_text(
        json.dumps(
            {
                "version": "1.0",
                "trustPolicies": [
                    {
                        "name": "charts",
                        "registryScopes": ["*"],
                        "signatureVerification": {"level": "strict"},
                        "trustStores": ["ca:acme"],
                        "trustedIdentities": ["x509.subject: C=US, ST=WA, O=acme, CN=charts"],
                    }
                ],
            }
        )
    )
    crt = str(signing.folder / "notation.crt")
    assert verified(notation, "cert", "add", "--type", "ca", "--store", "acme", crt, home=home)[0] == 0
    assert verified(notation, "policy", "import", "--force", str(policy), home=home)[0] == 0
    assert signing.publish().code == 0
    reference = f"{signing.place}/web@{signing.digest()}"
    code, words = verified(notation, "verify", "--insecure-registry", reference, home=home)
    assert code != 0, words
    assert signing.publish(*signing.options).code == 0
    code, words = verified(notation, "verify", "--insecure-registry", reference, home=home)
    assert code == 0, words
