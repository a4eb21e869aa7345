from __future__ import annotations

import re
from itertools import islice

import pytest

from conftest import ROOT
from gitxp.capture.secrets import plugins
from gitxp.capture.secrets.scan import scan

# Put together here, so that no scanner takes this file for one that holds secrets.
HEX = "4f9a8b7c6d5e" + "4f3a2b1c0d9e8f7a"
TOKENS = {
    "GitHub token": "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8",
    "GitLab token": "glpat-" + "x8Kd92kLmQp01zXvBnM4",
    "AWS access key": "AKIA" + "Q7WERTY2UIOP4ASD",
    "API key": "sk-proj-" + "a8Jd92kLmQp01zXvBnM4kd92LmQ",
    "Hugging Face token": "hf_" + "QpLmZxKvBn92kdJ8a01zXvBnM4kd",
    "Stripe key": "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc",
    "Slack token": "xoxb-" + "1234567890-a8Jd92kLmQp",
    "JSON web token": "eyJ" + "hbGciOiJIUzI1NiJ9.eyJ" + "zdWIiOiIxMjM0NSJ9.Zx8Kd92kLm",
}
KEY = "-----BEGIN {0}PRIVATE KEY-----\n{1}\n-----END {0}PRIVATE KEY-----\n"
KEY_BYTES = "MIIEpAIBAAKCAQEA7q8Jd92kLmQp01zXvBnM4kd92LmQ/9+aZ\n" * 3


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only gitxp's own shapes, whether or not detect-secrets is installed where the tests run."""
    monkeypatch.setattr(plugins, "_plugins", lambda: ())


def found(text: str, path: str = "train.py") -> list[tuple[int, str]]:
    """Lines and kinds of what is found."""
    return [(finding.line, finding.kind) for finding in scan(text.encode(), path)]


@pytest.mark.parametrize("kind", TOKENS)
@pytest.mark.parametrize("around", ["x = '{}'", "{}", "see {} there", '{{"a": "{}"}}', '"key = \\"{}\\"\\n",'])
def test_tokens_of_services(kind: str, around: str) -> None:
    """A token of a known service is found on its line in any text, and the excerpt has none of it."""
    text = "first\n" + around.format(TOKENS[kind]) + "\nlast\n"
    (finding,) = scan(text.encode(), "notes.md")
    assert (finding.line, finding.kind) == (2, kind)
    assert TOKENS[kind][8:] not in finding.excerpt
    assert finding.excerpt.endswith("<redacted>")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", 'password = "hunter2"'),
        ("a.py", f'os.environ["WANDB_API_KEY"] = "{HEX}"'),
        ("a.py", f'client(api_key="{HEX}", retries=3)'),
        ("a.py", f'def f(api_key: str = "{HEX}"):'),
        ("a.py", f'os.environ.setdefault("WANDB_API_KEY", "{HEX}")'),
        ("a.js", f"const apiKey = '{HEX}';"),
        ("a.json", f'{{"accessToken": "{HEX}"}}'),
        ("a.ipynb", f'  "API_KEY = \\"{HEX}\\"\\n",'),
        ("a.jsonl", f'{{"cell": {{"source": "{{\\"api_key\\": \\"{HEX}\\"}}"}}}}'),
        (".env", "DB_PASSWORD=hunter2x9"),
        ("a.sh", f"export HF_API_TOKEN={HEX}"),
        ("a.sh", f"train --api-key {HEX} --lr 1"),
        ("a.yaml", f"api_key: {HEX}"),
        ("a.yaml", "  password: S3cure!Pass  # db"),
        ("a.ini", f"secret_access_key = {HEX}"),
        ("settings.xml", "<password>Tr0ub4dor3</password>"),
        ("output.log", f"started with api_key={HEX}"),
    ],
)
def test_values_of_secret_names(path: str, text: str) -> None:
    """A literal value of a secret name is found: in code and notebooks in quotes, elsewhere also bare."""
    (finding,) = scan(text.encode(), path)
    assert (finding.line, finding.kind) == (1, "secret value")
    assert not re.search(r"hunter2|S3cure|Tr0ub|4f9a8b", finding.excerpt)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("password in an address", "postgresql://bob:s3cr3tpw" + "@db.corp.net/x"),
        ("token in an address", f"https://x.blob.core.windows.net/c?sv=1&sig={HEX}"),
        ("webhook", "https://hooks.slack.com/services/" + "T0AB12CD3/B0EF45GH6/aBcD1234eFgH5678iJkL9012"),
        ("authorization header", f"Authorization: Bearer {HEX}"),
        ("authorization header", f'headers = {{"Authorization": "Basic {HEX}"}}'),
        ("authorization header", f"curl -H 'X-Api-Key: {HEX}' https://x"),
    ],
)
def test_addresses_and_headers(kind: str, text: str) -> None:
    """Passwords and signatures in addresses, webhooks and authorization headers are found."""
    assert (1, kind) in found(text, "run.sh")


@pytest.mark.parametrize(
    "text",
    [
        'password = "password"',
        'token_key = "access_token"',
        'api_key = "YOUR_API_KEY_12345678"',
        'api_key = "${API_KEY_FOR_2026}"',
        'pad_token = "<pad_0123456789>"',
        'password = getpass("Password 2: ")',
        'key = "model.layers.12.weight"',
        'secret_name = "projects/7/secrets/v1abc"',
        'auth = "oauth2_sha256"',
        'if token == "a8Jd92kLmQp01zXv":',
        "https://user:password@host/",
        "https://bob:hunter22@example.com/",
        "postgres://postgres:postgres@db/x",
        'f"https://{user}:{password}@db.corp.net"',
        "Authorization: Bearer <token>",
        "x = 'ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'",
        "AKIA" + "IOSFODNN7EXAMPLE",
        '"-----BEGIN PRIVATE KEY-----" + body + "-----END PRIVATE KEY-----"',
        "subscription/pkg/pypi-jsonschema-specifications",
        f"password_hash: {HEX[:3]}",
        f'commit = "{HEX}"',
    ],
)
def test_ordinary_code_and_examples(text: str) -> None:
    """Words, names, templates, placeholders and examples are no secrets."""
    assert found(text) == []


@pytest.mark.parametrize("kind", ["", "RSA ", "OPENSSH ", "ENCRYPTED "])
def test_private_keys(kind: str) -> None:
    """A private key is one finding on its first line, in a text or in a string of JSON."""
    text = KEY.format(kind, KEY_BYTES)
    assert found("a\n" + text + "b\n") == [(2, "private key")]
    assert found('{"k": "' + text.replace("\n", "\\n") + '"}', "a.json") == [(1, "private key")]


def test_comments_that_allow() -> None:
    """A line with gitxp's or detect-secrets' comment is passed over, as is the one after `allowlist nextline`; no other."""
    line = f'api_key = "{HEX}"'
    for comment in ("# gitxp: allow-secret", "// pragma: allowlist secret", "# pragma: allowlist-secret"):
        assert found(f"{line}  {comment}\n{line}\n") == [(2, "secret value")]
    assert found(f"# pragma: allowlist nextline secret\n{line}\n{line}\n") == [(3, "secret value")]
    assert found(f"# gitxp: allow-secret\n{line}\n") == [(2, "secret value")]


def test_a_comment_far_away_in_one_long_line_allows_nothing() -> None:
    """A notebook that is one line is not passed over as a whole for one comment in it."""
    text = f'{{"a": "# gitxp: allow-secret", "b": "{"x " * 1000}", "api_key": "{HEX}"}}'
    assert found(text, "a.ipynb") == [(1, "secret value")]


def test_binary_files_are_passed_over() -> None:
    """A NUL in the first 8 KiB is a binary file; later, or bytes that are no UTF-8, are not."""
    line = f'api_key = "{HEX}"\n'.encode()
    assert list(scan(b"\0" + line, "a.py")) == []
    assert len(list(scan(b"\n" * 8192 + line + b"\0", "a.py"))) == 1
    assert len(list(scan(b"\xff\xfe\n" + line, "a.py"))) == 1


def test_an_excerpt_hides_every_secret_of_the_line() -> None:
    """What stands before a finding is shown shortly, without the other secrets."""
    secrets = [TOKENS["GitHub token"], TOKENS["GitLab token"], HEX]
    text = f'a = "{secrets[0]}"; b = "{secrets[1]}"; api_key = "{secrets[2]}"'
    findings = list(scan(text.encode(), "a.py"))
    assert len(findings) == 3
    for finding in findings:
        assert len(finding.excerpt) <= 60
        assert not any(secret[9:15] in finding.excerpt for secret in secrets)


def test_lines_that_are_long_are_looked_at_to_their_ends() -> None:
    """In a line of 100,000 characters every secret is found once, wherever the pieces are cut."""
    line = "".join(f'{" " * gap}"api_key": "{HEX}{gap:04}",' for gap in range(1, 400, 7))
    line = line + " " * 40_000 + line
    assert found(line, "a.json") == [(1, "secret value")] * (2 * len(range(1, 400, 7)))


@pytest.mark.parametrize(
    "piece",
    [
        "sk-",
        "eyJ-",
        "eyJ",
        "x-key",
        "!a://b:c",
        "token=",
        "a",
        "https://",
        KEY[:31],
        "?a=",
        "'token','",
        '\\"',
        "\nkey",
    ],
)
def test_hostile_lines_take_no_long_time(piece: str) -> None:
    """A megabyte of what makes expressions go back is looked at in linear time: this test ends."""
    assert len(list(islice(scan((piece * ((1 << 20) // len(piece))).encode(), "a.txt"), 10))) <= 10


def test_own_source_has_no_findings() -> None:
    """Nothing in gitxp's own code and documents is taken for a secret, though much of it speaks of them."""
    files = [*(ROOT / "gitxp").rglob("*.py"), *(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
    assert len(files) > 200
    assert [(str(file), *finding) for file in files for finding in scan(file.read_bytes(), file.name)] == []
