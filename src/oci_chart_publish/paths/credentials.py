"""Files that log-ins are known to leave in a work tree; listed in ``docs/files.md``.

They are recognised by name alone, and only where git does not track them: what somebody committed is a file of the
chart like any other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from oci_chart_publish.paths.globs import MAGIC, read

NAMES = {
    "gha-creds-*.json": "google-github-actions/auth",
    "application_default_credentials.json": "gcloud",
    "azureProfile.json": "Azure CLI",
    "msal_token_cache.json": "Azure CLI",
    "accessTokens.json": "Azure CLI",
    ".netrc": "curl and git",
    "_netrc": "curl and git",
    ".git-credentials": "git",
    ".dockercfg": "Docker",
    ".pypirc": "PyPI",
    ".npmrc": "npm",
    ".yarnrc.yml": "Yarn",
    ".terraformrc": "Terraform",
    "credentials.tfrc.json": "Terraform",
    ".vault-token": "Vault",
    "kubeconfig": "Kubernetes",
    "kubeconfig.yaml": "Kubernetes",
    "kubeconfig.yml": "Kubernetes",
    "kubeconfig_*": "azure/k8s-set-context",
    "id_rsa": "SSH",
    "id_dsa": "SSH",
    "id_ecdsa": "SSH",
    "id_ed25519": "SSH",
}
"""Names of files, with a star for any characters, and whose credentials they hold."""
FOLDERS = {
    ".docker": "Docker",
    ".kube": "Kubernetes",
    ".aws": "AWS",
    ".azure": "Azure CLI",
    ".gcloud": "gcloud",
    ".config/gcloud": "gcloud",
    ".config/gh": "GitHub CLI",
    ".config/helm/registry": "Helm",
    ".ssh": "SSH",
    ".gnupg": "GnuPG",
    ".sigstore": "Sigstore",
}
"""Folders whose files hold credentials, at any depth."""

_NAMES = re.compile("|".join(re.escape(name).replace(r"\*", ".*") for name in NAMES))
_FOLDERS = re.compile(f"(?:.*/)?(?:{'|'.join(map(re.escape, FOLDERS))})/.*", re.DOTALL)


def credential(path: str) -> bool:
    """Tell whether a file at a POSIX path is one that a log-in leaves behind."""
    return bool(_NAMES.fullmatch(path.rpartition("/")[2]) or _FOLDERS.fullmatch(path))


def names(globs: Sequence[str], path: str) -> bool:
    """Tell whether a setting names a credential file: by a glob that covers it and is about such files.

    A glob as wide as ``*.json`` or ``files/`` brings in what was meant, and no credential along with it.
    """
    return any(read((line,)).covers(path) and _is_about(line) for line in globs) and read(
        tuple(globs)
    ).covers(path)


def _is_about(glob: str) -> bool:
    """Tell whether the last name of a glob is that of a credential file, or of a folder of them."""
    text = glob.strip("/")
    if not MAGIC.search(text):
        return credential(text) or credential(f"{text}/any")
    name = text.rpartition("/")[2]
    return any(name.startswith(known.partition("*")[0]) for known in NAMES) or credential(text)
