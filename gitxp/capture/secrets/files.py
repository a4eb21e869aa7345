"""Names of files that are likely to hold secrets: left out of a snapshot when they are untracked.

By name alone, as git's users know them; what is tracked is the user's decision and is never dropped. Our own patterns
have one `*` each: `fnmatch` and the `re` under it take 10 ms to import and to compile them, on the way to the
command's start, and are there for the user's globs.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMES = frozenset(
    ".env .envrc .netrc _netrc .pgpass .npmrc .pypirc .htpasswd .git-credentials .vault-token .dockercfg .s3cfg .boto "
    "credentials kubeconfig .kaggle.json kaggle.json secrets client_secret.json token.json .terraformrc "
    "credentials.json credentials.toml credentials.ini secrets.json secrets.toml secrets.ini secret.json".split()
)
_ENDINGS = tuple(".pem .key .p12 .pfx .jks .keystore .kdbx .ppk .tfvars .ovpn .agekey".split())
# What stands before and after the `*`.
_PATTERNS = [
    pattern.split("*")
    for pattern in (
        ".env.* *.env id_rsa* id_dsa* id_ecdsa* id_ed25519* credentials.y*ml secrets.y*ml secret.y*ml "
        "service-account*.json service_account*.json *-service-account.json client_secret_*.json"
    ).split()
]
_FOLDERS = frozenset(".ssh .aws .gnupg .kube .azure .gcloud".split())
_HARMLESS = (".pub", ".example", ".sample", ".template", ".dist", ".tpl", ".py", ".md")


def is_likely_secret(path: str, extra: Sequence[str] = (), allowed: Sequence[str] = ()) -> bool:
    """Whether the file's name says that it holds secrets.

    `extra` and `allowed` are the globs of `snapshot.secrets` and `snapshot.allow` in gitxp.yaml; they are matched
    against the path from the top of the working tree and against the file's name.
    """
    *folders, name = path.split("/")
    if matches(path, allowed):
        return False
    if matches(path, extra):
        return True
    lower = name.lower()
    if lower.endswith(_HARMLESS):
        return False
    return (
        lower in _NAMES
        or lower.endswith(_ENDINGS)
        or not _FOLDERS.isdisjoint(folders)
        or any(_is_between(lower, *around) for around in _PATTERNS)
    )


def _is_between(name: str, beginning: str, ending: str) -> bool:
    return name.startswith(beginning) and name.endswith(ending) and len(name) >= len(beginning) + len(ending)


def matches(path: str, globs: Sequence[str]) -> bool:
    """Whether the path from the top of the working tree, or the file's name, matches one of them."""
    if not globs:
        return False
    from fnmatch import fnmatchcase

    name = path.rpartition("/")[2]
    return any(fnmatchcase(path, glob) or fnmatchcase(name, glob) for glob in globs)
