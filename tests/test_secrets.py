from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from canaries import everything_in
from gitxp.capture.secrets.known import holds_secret, known_secrets
from gitxp.capture.secrets.names import is_plural, is_secret, words_of
from gitxp.capture.secrets.needles import Needles
from gitxp.capture.secrets.redaction import (
    redact_command,
    redact_params,
    redact_path,
    redact_source,
    redact_text,
    redact_url,
    redact_value,
)

if TYPE_CHECKING:
    from conftest import Git, Gitxp

HIDDEN = "<redacted>"
CANARY = "cAnArY7f3d"
# Made up, and cut in two so that no scanner of this repository takes them for real ones.
SHAPES = [
    "AKI" + "AIOSFODNN7EXAMPLE",
    "gh" + "p_" + "a1B2" * 9,
    "gh" + "o_" + "a1B2" * 9,
    "github" + "_pat_" + "a1B2_" * 9,
    "sk" + "-" + "a1B2" * 12,
    "sk" + "-proj-" + "a1B2-" * 9 + "x",
    "sk" + "-ant-api03-" + "a1B2" * 9,
    "hf" + "_" + "aBcD" * 9,
    "xox" + "b-" + "1234567890-abcdef",
    "xox" + "p-" + "1234567890-abcdef",
    "glp" + "at-" + "a1B2" * 5,
    "np" + "m_" + "a1B2" * 9,
    "py" + "pi-" + "AgEIcHlwaS5vcmc" * 3,
    "AI" + "za" + "a1B2" * 9,
    "eyJ" + "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0." + "a1B2" * 5,
    "-----BEGIN " + "OPENSSH PRIVATE KEY-----\na1B2\n-----END OPENSSH PRIVATE KEY-----",
]
# Names that people give to what is no secret, with a value as it may be.
HARMLESS = dict.fromkeys(
    "max_tokens min_tokens num_tokens token_count tokens_per_second total_tokens n_tokens max_new_tokens "
    "num_image_tokens context_tokens tokens token_dim token_dropout token_length max_token_length num_keys key_dim "
    "key_size n_key_heads num_key_value_heads qk_dim key_value_heads seed random_seed pass_k num_passes n_passes "
    "bos_token_id eos_token_id pad_token_id keypoints num_keypoints keyframe_interval keep_tokens token_budget "
    "max_tokens_per_batch pass_rate passes author_count attention_heads lr learning_rate batch_size epochs "
    "loss_per_token cost_per_token token key password_length secret_size keys".split(),
    "512",
) | dict.fromkeys(
    "monkey donkey tokenizer tokenizer_name tokenizer_path tokenizer_class pretrained_tokenizer author authors "
    "authority keyword keywords key_padding key_mapping pad_token eos_token bos_token unk_token mask_token cls_token "
    "sep_token image_token special_tokens additional_special_tokens stop_token stop_tokens placeholder_token "
    "initializer_token trigger_token instance_token class_token decoder_start_token language_token prefix_token "
    "image_key text_key label_key sort_key target_key input_key monitor_key dataset_key passthrough compass bypass "
    "passive passage high_pass low_pass band_pass forward_pass single_pass password_file password_policy secret_name "
    "token_type token_file keyboard turkey hockey jockey whiskey credential_provider auth_method auth_type model "
    "optimizer scheduler tokens_file public_key oauth pass_through key_activation".split(),
    "validation_accuracy",
)
SECRET = (
    "api_key apikey API_KEY apiKey openai_api_key OPENAI_API_KEY wandb.api_key access_key secret_key aws_access_key_id "
    "AWS_SECRET_ACCESS_KEY private_key signing_key encryption_key token auth_token access_token api-token hf_token "
    "HF_TOKEN GITHUB_TOKEN bot_token hub_token neptune_api_token acme_token refreshToken secret client_secret password "
    "db.password dbPassword PGPASSWORD passwd pwd MYSQL_PWD passphrase credential credentials auth basic_auth "
    "authorization db_pass smtp_pass api_keys api_key2 session_key storage_account_key wandbapikey"
).split()


@pytest.mark.parametrize("name", sorted(HARMLESS))
def test_hyperparameters_survive(name: str) -> None:
    """What only sounds like a secret is kept as it is: as a parameter, as an option, and as an assignment."""
    value = HARMLESS[name]
    assert redact_params({name: value}) == {name: value}
    number = int(value) if value.isdigit() else value
    assert redact_params({f"model.{name}": number}) == {f"model.{name}": number}
    for words in ([f"--{name}", value], [f"--{name.replace('_', '-')}={value}"], [f"{name}={value}"]):
        assert redact_command(["train", *words, "--lr", "1"]) == ["train", *words, "--lr", "1"]


def test_enough_hyperparameters() -> None:
    """The list above is long enough to mean something."""
    assert len(HARMLESS) > 100


@pytest.mark.parametrize("name", SECRET)
def test_secret_names(name: str) -> None:
    """What names call a secret is none of a record's business, however it is given."""
    assert redact_params({name: CANARY, f"a.{name}": [CANARY], "lr": 0.1}) == {
        name: HIDDEN,
        f"a.{name}": [HIDDEN],
        "lr": 0.1,
    }
    for words in (
        [f"--{name}", CANARY],
        [f"--{name}={CANARY}"],
        [f"-{name}", CANARY],
        [f"{name}={CANARY}"],
        [f"++{name}={CANARY}"],
        [f"-D{name}={CANARY}"],
        ["-e", f"{name}={CANARY}"],
        [f"--env={name}={CANARY}"],
        [f'--config={{"lr": 1, "{name}": "{CANARY}"}}'],
        ["sh", "-c", f"{name.replace('.', '_').replace('-', '_')}={CANARY} train --lr 1"],
        ["sh", "-c", f"cd x && train --{name} {CANARY} --lr 1"],
        ["python", "-c", f"{name.replace('.', '_').replace('-', '_')} = '{CANARY}'; train()"],
    ):
        shown = redact_command(["train", *words, "rest"])
        assert len(shown) == len(words) + 2
        assert CANARY not in " ".join(shown), words
        assert shown[-1] == (HIDDEN if is_plural(name) and words[-1] == CANARY else "rest")


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(shape: str) -> None:
    """A token of a known service is found by what it looks like, wherever it stands."""
    for text in (shape, f"see {shape}, please", f'"{shape}"'):
        assert shape not in redact_text(text)
        assert redact_text(text).count(HIDDEN) == 1
    assert redact_params({"x": shape, "y": [1, f"a {shape}"]}) == {"x": HIDDEN, "y": [1, f"a {HIDDEN}"]}
    for words in ([shape], ["--x", shape], [f"--x={shape}"], [f"x={shape}"], ["sh", "-c", f"run {shape} 'a b'"]):
        assert shape not in "\n".join(redact_command(["run", *words]))


@pytest.mark.parametrize(
    "text",
    [
        "sk-learn-classification-benchmark-2024",
        "task-a1B2a1B2a1B2a1B2a1B2a1B2a1B2",
        "hf_internal_testing",
        "ghp_short",
        "AKIAtoo",
        "a@b.c",
        "https://host/a@b",
        "http://host:8080/x@y",
        "ssh://git@github.com/a/b",
        "s3://bucket/keys/token.bin",
        "d41d8cd98f00b204e9800998ecf8427e",
        "the token of the password was lost, author: me",
        "https://host/?page=2&key_dim=3",
    ],
)
def test_prose_survives(text: str) -> None:
    """What has no known shape is kept in notes, tags and addresses."""
    assert redact_text(text) == text


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://ada:pw@host/x.git", "https://<redacted>@host/x.git"),
        ("https://tok@host/x.git", "https://<redacted>@host/x.git"),
        ("https://tok:x-oauth-basic@host/x", "https://<redacted>@host/x"),
        ("postgresql://ada:p@w@db:5432/x", "postgresql://ada:<redacted>@db:5432/x"),
        ("postgres://ada:p/w@db/x", "postgres://ada:<redacted>@db/x"),
        ("redis://:pw@host/0", "redis://:<redacted>@host/0"),
        ("ssh://git:pw@host/x", "ssh://git:<redacted>@host/x"),
        ("https://h/x?access_token=abc&page=2", "https://h/x?access_token=<redacted>&page=2"),
        ("https://h/x?X-Amz-Signature=abc", "https://h/x?X-Amz-Signature=<redacted>"),
        ("https://h/x?token=12345&page=2", "https://h/x?token=<redacted>&page=2"),
        ("https://h/x?sv=1&sig=a%2Fb%3D", "https://h/x?sv=1&sig=<redacted>"),
        ("https://h/cb#access_token=abc&lr=1", "https://h/cb#access_token=<redacted>&lr=1"),
        ("https://h/x?x-oss-signature=abc", "https://h/x?x-oss-signature=<redacted>"),
        ("https://hooks.slack.com/services/T0/B0/xyz", "https://hooks.slack.com/services/<redacted>"),
        ("https://discord.com/api/webhooks/12/ab-c", "https://discord.com/api/webhooks/<redacted>"),
    ],
)
def test_addresses(url: str, shown: str) -> None:
    """An address keeps where it leads and loses what opens the door; within a longer word as well."""
    assert redact_url(url) == shown
    assert redact_command(["clone", url, f"--db={url}"]) == ["clone", shown, f"--db={shown}"]
    assert redact_params({"remote": url}) == {"remote": shown}


def test_paths() -> None:
    """A path that was an address, with one slash after its colon or two, loses what opens the door; other paths stay."""
    assert redact_path("https:/ada:pw@host/x?sig=abc") == "https:/<redacted>@host/x?sig=<redacted>"
    assert redact_path("/d/https:/h/x?token=12") == "/d/https:/h/x?token=<redacted>"
    assert redact_path("https://h/x?token=12") == "https://h/x?token=<redacted>"
    for path in ("data/a@b/key=3/x.csv", "/d/tokens/token.bin", "a:/b", "s3:/bucket/a@b?page=2"):
        assert redact_path(path) == path


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["-H", "Authorization: Bearer abc"], ["-H", "Authorization: Bearer <redacted>"]),
        (["-H", "X-Api-Key: abc"], ["-H", "X-Api-Key: <redacted>"]),
        (["Authorization:", "Bearer", "abc"], ["Authorization:", "Bearer", "<redacted>"]),
        (["-u", "ada:pw"], ["-u", "<redacted>"]),
        (["python", "-u", "train.py"], ["python", "-u", "train.py"]),
        (["--user", "1000:1000"], ["--user", "1000:1000"]),
        (["--use-auth-token", "train.py"], ["--use-auth-token", "train.py"]),
        (["--use-auth-token=True"], ["--use-auth-token=True"]),
        (["--api-keys", "a", "b", "--lr", "1"], ["--api-keys", "<redacted>", "<redacted>", "--lr", "1"]),
        (["--token", "--lr", "1"], ["--token", "--lr", "1"]),
        (["--private-key", "~/.ssh/id_rsa"], ["--private-key", "~/.ssh/id_rsa"]),
        (["--credentials", "creds.json"], ["--credentials", "creds.json"]),
        (["--password", "${oc.env:PW}"], ["--password", "${oc.env:PW}"]),
        (["--password", "1234"], ["--password", "<redacted>"]),
        (["--key", "loss", "--key", "s3cr3t"], ["--key", "loss", "--key", "<redacted>"]),
        (["tokens/train.py", "a:b", ""], ["tokens/train.py", "a:b", ""]),
    ],
)
def test_commands(words: list[str], shown: list[str]) -> None:
    """The ways in which people hand secrets over, and what looks like one of them."""
    assert redact_command(words) == shown


def test_values_keep_their_kind() -> None:
    """What is no text stays what it is, unless a name leaves no doubt."""
    params = {"use_token": True, "token": 5, "auth": None, "lr": 0.1, "n": [1, 2], "password": 1234, "s": ""}
    assert redact_params(params) == {**params, "password": HIDDEN}
    assert redact_value("cfg", {"token": CANARY, "lr": 1}) == {"token": HIDDEN, "lr": 1}


def test_words_of_a_name() -> None:
    """Names come apart at capitals, digits and signs."""
    assert words_of("OPENAIApi_key2.db-Password") == ["openai", "api", "key", "db", "password"]
    assert words_of("APIKey") == ["api", "key"]
    assert words_of("") == []
    assert not is_secret("", CANARY)


@pytest.mark.parametrize("piece", ["token=", "a", "https://", "-----BEGIN ", "--token ", '"', "eyJ", "?a=", "x:"])
def test_long_words_take_no_long_time(piece: str) -> None:
    """A hostile word of 100,000 characters is looked at in linear time: this test ends."""
    text = piece * (100_000 // len(piece))
    assert isinstance(redact_command([text, "--token", "x"])[0], str)
    assert isinstance(redact_text(text), str)


def test_nothing_to_hide_costs_no_import() -> None:
    """A command in which nothing smells of a secret is passed through without `re`."""
    code = (
        "import sys; sys.modules.pop('re', None); from gitxp.capture.secrets.redaction import redact_command as r\n"
        "words = ['python', 'src/tokenizer.py', '--lr', '0.1', 'model.key_dim=3', '--max-tokens', '5']\n"
        "assert r(words) == words; print('re' in sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-S", "-P", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (answer.stdout, answer.stderr) == ("False\n", "")


def test_no_canary_reaches_the_repository(repo: str, git: Git, gitxp: Gitxp) -> None:
    """No secret of a command, parameter, remote, variable, note or named file is in any object or file of git's folder.

    The program has them all.
    """
    git("remote", "add", "origin", "https://ada:0-in-the-remote@host/x.git", cwd=repo)
    token = "gh" + "p_" + "1aNote" * 6
    Path(f"{repo}/.gitignore").write_text("local.yaml\nseen\n")
    Path(f"{repo}/local.yaml").write_text("lr: 1\nwandb: {api_key: 2-in-a-file}\n")
    show = "import os, sys; open('seen', 'w').write(repr(sys.argv) + os.environ['MY_TOKEN'] + os.environ['SLURM_JWT'])"
    words = ["--api-key", "3-in-argv", "--token=4-in-argv", "DB_PASSWORD=5-in-argv", "http://u:6-in-argv@host/"]
    words += ["--config", "local.yaml", "-H", "Authorization: Bearer 7-in-argv", "--x", "sk" + "-" + "8inArgv" * 6]
    gitxp(
        "run",
        "--name",
        "r",
        "--note",
        f"with {token}",
        "--tag",
        token,
        "--param",
        "my.secret=9-in-a-param",
        "--",
        sys.executable,
        "-c",
        show,
        *words,
        cwd=repo,
        env={"MY_TOKEN": "10-in-env", "SLURM_JWT": "11-in-env", "XLA_FLAGS": "--token=12-in-env"},
    )
    everything = everything_in(git, repo)
    canaries = ["0-in-the-remote", token, "2-in-a-file", *(f"{i}-in-argv" for i in range(3, 8)), "8inArgv"]
    canaries += ["9-in-a-param", "10-in-env", "11-in-env", "12-in-env"]
    # git's own configuration has the remote: that is the user's
    config = git.raw("config", "--list", cwd=repo)
    assert b"0-in-the-remote" in config
    found = [canary for canary in canaries[1:] if canary.encode() in everything]
    assert found == []
    assert b"0-in-the-remote" not in git.raw("cat-file", "--batch-all-objects", "--batch", cwd=repo)
    seen = Path(f"{repo}/seen").read_text()
    assert all(f"{i}-in-argv" in seen for i in range(3, 8))
    assert "10-in-env11-in-env" in seen
    record = git("show", "experiments/r:.gitxp/run.json", cwd=repo)
    assert record.count(HIDDEN) >= 10
    assert '"wandb.api_key": "<redacted>"' in record
    assert '"remote": "https://host/x.git"' in record


def test_no_canary_in_a_live_folder(repo: str, git: Git, gitxp: Gitxp, tmp_path: Path) -> None:
    """While a run runs, and when it must be recovered, its state on the disk holds no secret either."""
    copy = tmp_path / "copy"
    words = ["sh", "-c", 'cp -r "$GITXP_RUN_DIR" "$1"', "sh", str(copy), "--token", CANARY]
    gitxp("run", "--name", "r", "--param", f"api_key={CANARY}", "--", *words, cwd=repo)
    texts = [path.read_bytes() for path in copy.rglob("*") if path.is_file()]
    assert any(HIDDEN.encode() in text for text in texts)
    assert not any(CANARY.encode() in text for text in texts)
    assert CANARY.encode() not in everything_in(git, repo)


def test_secrets_that_a_run_was_given() -> None:
    """The very words that are redacted are known, from the command, nested parameters and variables, and nothing else."""
    command = [
        "train.py",
        "--api-key",
        "first-key",
        "--url=https://u:second-pw@host/x",
        "--lr",
        "0.1",
        "--token",
        "abc",
    ]
    params = {
        "db": {"password": "third-pw"},
        "lr": 0.1,
        "max_tokens": 512,
        "auth.keys": ["fourth-key"],
        "secret": 1234567,
    }
    environ = {
        "MY_TOKEN": "fifth-tok",
        "HOME": "/users/ada",
        "SSH_AUTH_SOCK": "/run/ssh-1/agent",
        "PATH": "/bin:/usr/bin",
    }
    found = known_secrets(command, [params, {}], environ)
    assert {"first-key", "second-pw", "third-pw", "fourth-key", "fifth-tok", "1234567"} <= {
        each.decode() for each in found
    }
    assert not {b"abc", b"0.1", b"512", b"/users/ada", b"/run/ssh-1/agent"} & set(found)
    assert holds_secret(b"\0\xff first-key", Needles(found))
    assert not holds_secret(b"pad_token: 1, key: value", Needles(found))
    assert holds_secret(b"x = '" + b"gh" + b"p_" + b"a1" * 18 + b"'", Needles([]))


def test_a_configuration_that_a_run_saves(repo: str, git: Git, gitxp: Gitxp) -> None:
    """A program's own copy of its settings is kept without a secret in it, and listed with one."""
    Path(f"{repo}/.gitignore").write_text("out/\n")
    code = "import os, sys; os.mkdir('out'); open('out/a', 'w').write(sys.argv[2]); open('out/b', 'w').write('lr: 1')"
    gitxp("run", "--name", "r", "--", sys.executable, "-c", code, "--password", CANARY, cwd=repo)
    outputs = {
        entry["path"]: entry for entry in json.loads(git("show", "experiments/r:.gitxp/run.json", cwd=repo))["outputs"]
    }
    assert (outputs["out/a"]["stored"], outputs["out/a"]["reason"]) == (False, "it holds a secret; --out keeps it")
    assert outputs["out/b"]["stored"] is True
    assert CANARY.encode() not in everything_in(git, repo)


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ('api_key = "abc123def456ghi7"', 'api_key = "<redacted>"'),
        ("password: str = 'hunter2hunter2'", "password: str = '<redacted>'"),
        ('os.environ["WANDB_API_KEY"] = "0123abcd4567ef"', 'os.environ["WANDB_API_KEY"] = "<redacted>"'),
        ("d = {'password': 'letmein1', 'a': 'b'}", "d = {'password': '<redacted>', 'a': 'b'}"),
        (f'login(token="{SHAPES[7]}")', 'login(token="<redacted>")'),
        ('api_key = os.environ["API_KEY"]', 'api_key = os.environ["API_KEY"]'),
        ('tokens = tokenizer(text, "hello there")', 'tokens = tokenizer(text, "hello there")'),
        ('sorted(found, key="name")', 'sorted(found, key="name")'),
    ],
)
def test_in_a_program_literals_are_the_secrets(source: str, kept: str) -> None:
    """Of a program's text the string that is given to a secret name goes, and what only speaks of one stays."""
    assert redact_source(source) == kept


@pytest.mark.parametrize(
    "name", ["extra.token", "source.token", "++system.token", "session_cookie", "creds", "bearer", "jwt"]
)
def test_further_names(name: str) -> None:
    """A section's token is no language model's, and cookies and the like are secrets."""
    assert is_secret(name, CANARY)


@pytest.mark.parametrize("name", ["tokenizer.pad_token", "text_token", "cookie_policy", "bearer_type"])
def test_names_that_are_none(name: str) -> None:
    """What language models call tokens, and what is about a secret."""
    assert not is_secret(name, CANARY)


def test_magic_lines() -> None:
    """The words of a magic, or of a command for the shell, are redacted as a command's."""
    source = '%%gitxp --name x --param "db_password=canary95"\n!curl --token canary96 x\nlr = 1\n'
    assert redact_source(source) == (
        '%%gitxp --name x --param "db_password=<redacted>"\n!curl --token <redacted> x\nlr = 1\n'
    )


def test_no_canary_in_a_group(repo: str, git: Git, gitxp: Gitxp) -> None:
    """A token of a known shape is kept out of the group as out of a tag."""
    gitxp("run", "--name", "r", "--group", SHAPES[1], "--", "true", cwd=repo)
    assert json.loads(git("show", "experiments/r:.gitxp/run.json", cwd=repo))["group"] == HIDDEN
