"""Whether the name of an option, a parameter or a variable says that its value is a secret.

`api_key`, `--hf-token`, `dbPassword` do; `key_dim`, `monkey`, `pad_token`, `max_tokens`, `author` do not. A name is taken
apart into its words first. Some words are enough (password, secret, credential); `key` needs one before it that says of
what (api, access, private…); `token` is one unless a language model's word stands before it (pad, eos, image…). What is
no text that could be a secret (true, none, a small number) is shown all the same, unless the name leaves no doubt.
"""

from __future__ import annotations

from gitxp.capture.params.scalars import is_number

_STRONG = frozenset(
    "secret secrets password passwords passwd passphrase passcode credential credentials cred creds cookie cookies bearer "
    "jwt authorization".split()
)
# Written as one word, alone or at the end of a longer one: PGPASSWORD, wandbapikey.
_JOINED = tuple(
    "password passwd passphrase apikey apitoken authtoken accesstoken secretkey accesskey privatekey authkey".split()
)
_KEEPERS = frozenset(  # a key or a token of one of these is a secret: api_key, access_token_2, aws_access_key_id
    "access account admin aes anthropic api app application auth aws azure bearer client cohere comet consumer decryption "
    "deploy encryption gcp gemini github gitlab gpg groq hf hmac hub huggingface jwt langchain langsmith licence license "
    "master mistral neptune oauth openai openrouter personal pgp pinecone private refresh registry replicate root rsa "
    "secret sendgrid server service session shared signing ssh storage stripe subscription tavily twilio wandb "
    "webhook".split()
)
_OF_MODELS = frozenset(  # pad_token, per_token: what language models call so
    "added additional all answer append assistant audio begin beginning bin blank boa bod boi bos box by byte char class "
    "classification cls col concept control decoder delim delimiter dist distill distillation drop dummy each empty "
    "encoder end eoa eod eoh eoi eom eos eot every extra fim first frame global header human ignore ignored image "
    "initializer input instance keep lang language last latent mask masked memory mid middle modality multi new newline "
    "next nl none null object output pad padding patch per placeholder pre pred predicted prefix prepend prompt query "
    "random reasoning register replace replaced reserved response role row sentence sep separator single sot source "
    "space speaker special speech split src start stop style sub subword suf suffix system target task text tgt think "
    "thinking tool trigger turn unk unknown video vision visual word".split()
)
_WITH_PASS = frozenset("admin db ftp http imap key login mysql pg postgres proxy redis root smtp ssh sudo user".split())
# What a name ends in that speaks of a secret without being one: password_file, token_type, secret_name.
_ABOUT = frozenset(
    "count dim dims dir directory embedding enabled env file filename folder format length len limit lifetime location "
    "manager max min mode name names num path paths policy provider required rotation size timeout ttl type url "
    "variable".split()
)
_SWITCHES = frozenset("allow disable enable has is no require skip use verify with".split())
_HARMLESS = frozenset(["", "true", "false", "yes", "no", "on", "off", "none", "null", "auto", "default", "~"])
_METHODS = frozenset(
    "anonymous basic bearer cert digest gssapi iam jwt kerberos ldap mtls ntlm oauth oauth2 oidc saml ssl tls token".split()
)
_LEAST_DIGITS = 6  # of a number that a `token` may be: 512 is a length
_LEAST_OPAQUE = 20


def is_secret(name: str, value: object) -> bool:
    """Whether this value of this name is to be kept out of every record; `value` is a text or a scalar."""
    if isinstance(value, bool) or value is None:
        return False
    text = str(value)
    if text.lower() in _HARMLESS or (text.startswith("${") and text.endswith("}")):
        return False
    parts = words_of(name)
    if not parts or parts[-1] in _ABOUT:
        return False
    for at, word in enumerate(parts):
        if _is_sure(parts, at):
            return not ((word == "key" or word.startswith("credential")) and _is_path(text))
    return _is_weak_secret(parts, words_of(name.rpartition(".")[2])[-2:-1], text)


def is_switch(name: str) -> bool:
    """Whether a name with no value of its own is a flag: after `--use-auth-token` comes the next argument."""
    return bool(_SWITCHES.intersection(words_of(name)[:1]))


def leaves_doubt(name: str) -> bool:
    """Whether only the value can tell that it is a secret: of `token`, `key`, `auth`; not of `password` or `api_key`."""
    parts = words_of(name)
    return not any(_is_sure(parts, at) for at in range(len(parts)))


def tells_of_what(word: str) -> bool:
    """Whether a word before `key` or `token` says what it is one of: `API key`, `access token`, `pad token`."""
    return word.lower() in _KEEPERS or word.lower() in _OF_MODELS


def is_plural(name: str) -> bool:
    """Whether several values may follow: `--api-keys a b`."""
    return words_of(name)[-1:] in (["keys"], ["tokens"], ["secrets"], ["passwords"])


def words_of(name: str) -> list[str]:
    """The words of a name in lower case, without digits: `OPENAI_API_KEY2`, `openaiApiKey` → openai, api, key."""
    words: list[str] = []
    word = ""
    for at, letter in enumerate(name):
        if not letter.isalpha():
            words.append(word)
            word = ""
            continue
        after = name[at + 1 : at + 2]
        if letter.isupper() and word and (word[-1].islower() or (after.islower() and word[-1].isupper())):
            words.append(word)
            word = ""
        word += letter
    return [word.lower() for word in (*words, word) if word]


def _is_sure(parts: list[str], at: int) -> bool:
    """Whether this word of a name is enough, with the one before it: `password`, `api` `key`."""
    word = parts[at]
    if word in _STRONG or word.endswith(_JOINED):
        return True
    return word in {"key", "token", "keys", "tokens"} and at > 0 and parts[at - 1] in _KEEPERS


def _is_weak_secret(parts: list[str], beside: list[str], text: str) -> bool:  # noqa: PLR0911  (one for each word)
    """Of a name that leaves a doubt, which the value decides; `beside` is the word before the last without a dot between."""
    last, before = parts[-1], parts[-2:-1]
    if last == "token":  # tokenizer.pad_token, and not source.token
        if _OF_MODELS.intersection(beside) or text[:1] in "<[{":
            return False
        return not is_number(text) or (text.isdigit() and len(text) >= _LEAST_DIGITS)
    if last == "auth":
        return text.lower() not in _METHODS and not is_number(text) and not _is_path(text)
    if last == "pwd":
        return not _is_path(text)
    if last == "pass":
        return (not before or not _WITH_PASS.isdisjoint(before)) and not is_number(text)
    if last == "key":
        if not before:  # `--key loss` sorts by something
            return not is_number(text) and not (text.replace("_", "").isalpha() and text.islower())
        return len(text) >= _LEAST_OPAQUE and text.isalnum() and not text.isalpha() and not text.isdigit()
    return False


def _is_path(text: str) -> bool:
    """Whether it is a file that holds the secret: `--private-key ~/.ssh/id_rsa`."""
    return text.startswith(("/", "./", "../", "~/")) or text.endswith(
        (".json", ".pem", ".key", ".yaml", ".yml", ".toml", ".ini", ".txt", ".pub", ".crt")
    )
