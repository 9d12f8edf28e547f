"""What is known of single registries: how to recognise them, what their refusals mean, what to do then.

One table, used for messages first and for behaviour second.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec


class RegistryProfile(msgspec.Struct, frozen=True, kw_only=True):
    """A sort of registry. ``hosts`` matches whole host names; ``mark`` finds it in an answer's headers.

    ``absent`` are the statuses that a look-up gives for what does not exist, besides 404. ``counts_pulls``: a GET of
    a manifest counts against a limit, a HEAD does not. ``referrers_elsewhere``: the referrers API redirects to a page.
    """

    name: str
    hosts: str = ""
    mark: str = ""
    absent: frozenset[int] = frozenset()
    advice: Mapping[int, str] = msgspec.field(default_factory=dict)
    two_levels: bool = False
    counts_pulls: bool = False
    referrers_elsewhere: bool = False
    lost_post: str = ""


_ECR_MISSING = (
    "the repository has to exist: create it, or add a repository creation template (CREATE_ON_PUSH)"
)
_HARBOR = "the first part of the path must be an existing project, and the robot needs pull and push"
_GITEA = "give the token the package scope (write:package)"

PROFILES = (
    RegistryProfile(
        name="GHCR",
        hosts=r"ghcr\.io",
        referrers_elsewhere=True,
        advice={
            401: "log in with a token that has packages: write (in a workflow: permissions: packages: write)",
            403: 'give the job "permissions: packages: write", or link the package to this repository in '
            "the package's settings",
        },
    ),
    RegistryProfile(
        name="Docker Hub",
        hosts=r"docker\.io|index\.docker\.io|registry-1\.docker\.io",
        advice={
            401: "log in with an access token that may write, as the owner of the namespace",
            403: "the tag may be immutable, or the token may only read",
            429: "Docker Hub limits pulls and pushes; logging in raises the limit",
        },
        two_levels=True,
        counts_pulls=True,
    ),
    RegistryProfile(
        name="Amazon ECR Public",
        hosts=r"public\.ecr\.aws",
        advice={
            400: "stale credentials are refused even for public reading: log in again, or log out "
            "(the token comes from us-east-1)",
            404: _ECR_MISSING,
        },
        lost_post=_ECR_MISSING,
    ),
    RegistryProfile(
        name="Amazon ECR",
        hosts=r"[0-9]{12}\.dkr[.-]ecr(-fips)?\.[a-z0-9-]+\.(amazonaws\.com(\.cn)?|on\.aws)",
        advice={
            401: "the ECR token is valid for 12 hours: log in again",
            403: f"the role may not do this, or {_ECR_MISSING}",
            404: _ECR_MISSING,
        },
        lost_post=_ECR_MISSING,
    ),
    RegistryProfile(
        name="Artifact Registry",
        hosts=r"([a-z0-9-]+-docker\.pkg\.dev|([a-z]+\.)?gcr\.io)",
        advice={
            401: "log in with user oauth2accesstoken and an access token, which is valid for one hour",
            403: "the account needs roles/artifactregistry.writer on the repository",
            404: "the repository has to exist: gcloud artifacts repositories create",
        },
    ),
    RegistryProfile(
        name="Azure Container Registry",
        hosts=r"[a-z0-9-]+\.azurecr\.(io|cn|us)",
        advice={
            401: "log in again (az acr login); the identity needs AcrPush",
            403: "the identity needs AcrPush",
        },
    ),
    RegistryProfile(
        name="Quay",
        hosts=r"quay\.io",
        mark=r"quay",
        absent=frozenset({401}),
        advice={
            400: "Quay takes listed media types only; IGNORE_UNKNOWN_MEDIATYPES allows the rest",
            401: "the robot account needs write on the repository, or creator in the organisation",
            415: "Quay takes listed media types only; IGNORE_UNKNOWN_MEDIATYPES allows the rest",
        },
    ),
    RegistryProfile(
        name="GitLab",
        hosts=r"registry\.gitlab\.com",
        mark=r"gitlab|/jwt/auth",
        advice={
            401: "the path must be that of a project, and the token needs write_registry",
            400: "GitLab refuses artifact types that it does not know",
        },
    ),
    RegistryProfile(
        name="Artifactory",
        hosts=r"([a-z0-9-]+\.)+jfrog\.io",
        mark=r"jfrog|artifactory",
        absent=frozenset({403}),
        advice={403: "the user may not write there, or the tag exists and may not be overwritten"},
    ),
    RegistryProfile(
        name="Harbor",
        mark=r"harbor",
        advice={401: _HARBOR, 403: _HARBOR, 404: _HARBOR, 412: "the tag is immutable in Harbor"},
    ),
    RegistryProfile(name="Gitea", mark=r"gitea|forgejo|/v2/token", advice={401: _GITEA, 403: _GITEA}),
    RegistryProfile(
        name="Nexus",
        mark=r"nexus",
        advice={401: 'activate the "Docker Bearer Token" realm, or log in with a user that may write'},
    ),
)

GENERIC = RegistryProfile(
    name="",
    advice={
        401: "log in to the registry, or give credentials for it",
        403: "the credentials may not do this here",
        405: "the registry is read-only, or a mirror",
        413: "the registry, or a proxy before it, refuses bodies of this size",
        429: "the registry limits the rate of requests",
    },
)

CONTAINER_ACTION = (
    "an earlier login step writes to a folder that a container action does not see: run "
    '`echo "DOCKER_CONFIG=$RUNNER_TEMP/docker" >> "$GITHUB_ENV"` in a first step, then log in'
)


def kind_of(host: str, marks: str = "") -> RegistryProfile:
    """Return the sort of registry at ``host``; ``marks`` is text of its headers and challenge."""
    for kind in PROFILES:
        if kind.hosts and re.fullmatch(kind.hosts, host):
            return kind
    lower = marks.lower()
    return next((kind for kind in PROFILES if kind.mark and re.search(kind.mark, lower)), GENERIC)


def advice(kind: RegistryProfile, status: int, path: str = "") -> str:
    """Return what to do about ``status`` for the repository ``path``, or nothing."""
    if kind.two_levels and status in (401, 403, 404) and path.count("/") != 1:
        return f"{kind.name} has repositories of the form namespace/name only"
    return kind.advice.get(status) or GENERIC.advice.get(status, "")


def without_credentials(environment: Mapping[str, str]) -> str:
    """Return the advice for a container action that found no credentials, or nothing elsewhere."""
    inside = environment.get("GITHUB_ACTIONS") and environment.get("HOME") == "/github/home"
    return CONTAINER_ACTION if inside else ""
