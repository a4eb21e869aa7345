from __future__ import annotations

import datetime
import os
import time
from typing import TYPE_CHECKING

import pytest

from gitxp.query.expression import parse_operand, parse_order, parse_where, split_list, split_names
from gitxp.query.fields import Names
from gitxp.query.moments import parse_duration, parse_moment
from gitxp.query.source import QueryError, read_source
from gitxp.query.tree import And, Compare, Const, Contains, Has, Key, Moment, Not, Type
from gitxp.query.versions import version_key

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = Names(
    {"lr", "opt", "weight-decay", "weight", "model.depth", "lambda", "class", "flag", "both", "from/to"},
    {"loss", "train/loss", "val/loss", "acc", "both", "a.min"},
)
NOW = datetime.datetime(2026, 11, 26, 12, 30, tzinfo=datetime.UTC).timestamp()
LOSS = Key("metrics", "loss", Type.NUMBER)


def where(text: str) -> object:
    """The condition that a text states."""
    return parse_where(text, NAMES, NOW)


def refusal(text: str) -> tuple[str, str, str]:
    """What is said of a text that cannot be understood: the sentence, what of the text is pointed at, and the hint."""
    with pytest.raises(QueryError) as caught:
        where(text)
    sentence, line, marks = caught.value.message.split("\n")
    begin = marks.index("^")
    return sentence, line[begin : begin + marks.count("^")], caught.value.hint or ""


@pytest.fixture
def utc() -> Iterator[None]:
    """The zone of this machine is UTC."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    yield
    os.environ.pop("TZ")
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


def test_short_forms_mean_what_the_long_ones_do() -> None:
    """A bare name is gitxp's own field, else the one parameter or metric that has it."""
    assert where("loss < 0.5") == where("metrics.loss < 0.5") == where('metrics["loss"] < 0.5')
    assert where("lr == 0.1") == where("params.lr == 0.1")
    assert where("author == 'me'") == where("user == 'me'")
    assert where("0.5 > loss") == where("loss < 0.5")


@pytest.mark.parametrize(
    "text",
    ["train/loss", "weight-decay", "lambda", "params.lambda", "class", "from/to", "model.depth", "params.weight-decay"],
)
def test_names_that_are_none_in_python(text: str) -> None:
    """Names with signs in them, and Python's keywords, are names all the same, and in arithmetic, too."""
    operand = parse_operand(text, NAMES, NOW)
    assert isinstance(operand, Key)
    assert operand.name == text.removeprefix("params.")
    assert where(f"{text} * 2 > 1") == where(f"({text}) * 2 > 1")


def test_signs_between_other_names_are_arithmetic() -> None:
    """`weight-lr` is a difference, since no run has such a name; so is `weight - decay` with spaces, which has no `decay`."""
    assert not isinstance(parse_operand("weight-lr", NAMES, NOW), Key)
    assert refusal("weight - decay > 0")[1] == "decay"


def test_a_number_of_a_series() -> None:
    """`.min`, `.max`, `.count`, `.step` after a metric are those of its series; a metric of that name goes first."""
    assert parse_operand("loss.min", NAMES, NOW) == Key("metrics", "loss", Type.NUMBER, "min")
    assert parse_operand('metrics["train/loss"].max', NAMES, NOW) == Key("metrics", "train/loss", Type.NUMBER, "max")
    assert parse_operand("metrics.a.min", NAMES, NOW) == Key("metrics", "a.min", Type.NUMBER)


def test_chains_and_lists() -> None:
    """`0 < loss < 1` is both comparisons, `in` any of them, `not in` a value that is none of them."""
    assert where("0 < loss < 1") == And((Compare(">", LOSS, Const(0)), Compare("<", LOSS, Const(1))))
    lr = Key("params", "lr", Type.ANY)
    assert where("lr not in [1]") == And((Has(lr), Not(where("lr in (1,)"))))  # type: ignore[arg-type]
    assert where('"good" in tags') == Contains(Key("field", "tags", Type.TEXTS), "good")


def test_none_asks_whether_there_is_a_value() -> None:
    """`== None`, `is None` and `not has(…)` are one question; `has` of what no run has is false."""
    assert where("loss == None") == where("loss is None") == where("loss == null") == where("not has(loss)")
    assert where("loss is not None") == where("has(loss)")
    assert where("has(metrics.gone)") == Not(And(()))


@pytest.mark.parametrize(
    ("text", "sentence", "place", "hint"),
    [
        ("metrics.los < 1", "No run has a metric 'los'.", "metrics.los", "metrics.loss"),
        ("acc > 1 and los < 1", "No run has 'los': no field, parameter or metric.", "los", "metrics.loss"),
        ("status == 'x' or ünknown < 1", "There is no such status.", "'x'", "completed"),
        ("opt == 'ü' and ünknown < 1", "No run has 'ünknown': no field, parameter or metric.", "ünknown", "quotes"),
        ("both > 1", "'both' is a parameter and a metric.", "both", "params.both or metrics.both"),
        ("branch == main", "No run has 'main': no field, parameter or metric.", "main", '"main"'),
        ("lr = 0.1", "This cannot be understood.", "=", "'=='"),
        ("loss == == 1", "This cannot be understood.", "==", "--help"),
        ("loss >= <= 1", "This cannot be understood.", "<=", "--help"),
        ("lr == 0.1 && loss < 1", "This cannot be understood.", "&", "'and'"),
        ("loss < 'x'", "metrics.loss is a number, and this is none.", "'x'", ""),
        ("name < 5", "name is text, and this is none.", "5", "quotes"),
        ("started > 'soon'", "started_at is a time, and this is none.", "'soon'", "2 days ago"),
        ("duration > 'long'", "duration is a duration, and this is none.", "'long'", "1h30m"),
        ("name ~ '('", "This is no regular expression", "'('", ""),
        ("loss ~ '1'", "Only text is matched.", "loss", "name ~"),
        ("loss", "metrics.loss is a number, and no condition.", "loss", "loss < 0.5"),
        ("1 < 2", "Neither side of this comparison is a value of runs.", "2", ""),
        ("loss == nan", "nan equals nothing.", "nan", "isnan"),
        ("tags == 'good'", "tags is a list of text, and this is none.", "'good'", "in tags"),
        ("dirty > true", "dirty is true or false: there is only == and != for it.", "true", ""),
        ("loss < 1)", "A bracket or a quote is missing.", ")", ""),
        ("(loss < 1", "A bracket or a quote is missing.", "(", ""),
        ("name == 'x", "A bracket or a quote is missing.", "'", ""),
        ("(lr < 1) & (acc > 1)", "This is no value.", "(lr < 1) & (acc > 1)", "'and'"),
        ("lr < 1 | acc > 1", "This is no value.", "1 | acc", "'or'"),
        ("~(lr < 1)", "This is no value.", "~(lr < 1)", "'not'"),
        ("LR < 1", "No run has 'LR': no field, parameter or metric.", "LR", "params.lr"),
        ("metrics.Train/LOSS < 1", "No run has a metric 'Train'.", "metrics.Train", "metrics.train/loss"),
        ("param.lr < 1", "No run has 'param.lr': no field, parameter or metric.", "param.lr", "params.lr"),
        ("lr < dirty", "True or false is neither more nor less than another.", "dirty", ""),
    ],
)  # fmt: skip
def test_errors_point_at_the_place(text: str, sentence: str, place: str, hint: str) -> None:
    """What cannot be understood is told in a sentence, with the place and a way on."""
    said = refusal(text)
    assert said[0].startswith(sentence)
    assert said[1] in {place, place[:1]}
    assert hint in said[2]


@pytest.mark.parametrize("text", ["lr <", "lr < 1 and", "not", "lr <   ", "lr < 1 and not"])
def test_an_end_that_comes_too_early_is_pointed_at(text: str) -> None:
    """What is missing at the end is pointed at there, and not at the beginning."""
    with pytest.raises(QueryError) as caught:
        where(text)
    sentence, line, marks = caught.value.message.split("\n")
    assert sentence == "The expression ends where something must follow."
    assert marks.index("^") == len(line)


def test_marks_stand_below_their_place_where_characters_have_no_width() -> None:
    """Combining characters take no column, wide ones two; a place of thousands of characters is cut."""
    for before in ("e\u0301" * 3, "大" * 3, "a" * 3):
        with pytest.raises(QueryError) as caught:
            where(f"opt == '{before}' and los < 1")
        columns = 6 if before[0] == "大" else 3
        assert caught.value.message.split("\n")[2].index("^") == len("  opt == '' and ") + columns
    with pytest.raises(QueryError) as caught:
        where("'" + "x" * 9000 + "'")
    assert len(caught.value.message) < 400


def test_a_long_sum_is_not_tried_as_names_for_ever() -> None:
    """How often text is looked up as a name grows with its length, and no faster."""
    tried: list[str] = []
    with pytest.raises(QueryError):
        read_source("a-" * 4999, lambda name: bool(tried.append(name)))
    assert len(tried) < 40 * 5000


def test_halves_of_characters_are_what_records_have_of_them() -> None:
    """A lone surrogate in quotes is compared as the index keeps one, and is no mistake."""
    assert where(r"opt == 'a\udc80'") == where("opt == 'a\ufffd\ufffd\ufffd'")
    with pytest.raises(QueryError):
        where(r"params['\ud800'] == 1")


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "loss.__class__",
        "(lambda: 1)() < loss",
        "[x for x in tags]",
        "loss < (yield)",
        "f'{loss}' == 'x'",
        "loss < 1j",
        "b'x' == opt",
        "loss if acc else lr",
        "loss < 1; acc",
        "loss @ acc",
        "loss // acc > 1",
        "loss ** 2 > 1",
        "loss[0] < 1",
        "params[0] == 1",
        "has(*tags)",
        "has(loss, acc)",
        "has(x=loss)",
        "tags[0] == 'x'",
        "{'a': 1} == opt",
        "loss := 1",
        "~loss",
        "",
        "  ",
        "\0",
        "\ud800",
        "...",
        "loss < 1" + " and loss < 1" * 600,
        "(" * 500 + "loss < 1" + ")" * 500,
        "not " * 5000 + "starred",
        "x" * 10_001,
        "loss < " + "9" * 5000,
    ],
)
def test_nothing_else_of_python_is_understood(text: str) -> None:
    """Whatever is not on the whitelist is refused with a sentence, however it is written."""
    with pytest.raises(QueryError):
        where(text)


def test_orders_and_lists_are_split_outside_of_quotes_and_brackets() -> None:
    """A comma in the name of a key is part of it."""
    text = 'a, params["b,c"] ,(d,e), '
    assert [part.text for part in split_list(text)] == ["a", 'params["b,c"]', "(d,e)"]
    quoted = 'metrics["\\",x"],b'
    assert [part.text for part in split_list(quoted)] == ['metrics["\\",x"]', "b"]
    by, then = parse_order("-train/loss,started", NAMES, NOW)
    assert (by.operand, by.descending) == (Key("metrics", "train/loss", Type.NUMBER), True)
    assert (then.operand, then.descending) == (Key("field", "started_at", Type.TIME), False)


def test_names_with_commas_are_quoted() -> None:
    """Names between commas are what they are, each once; quotes belong to a name only if they are not around all of it."""
    assert split_names(" loss, 'a,b' ,loss,\"c\"") == ["loss", "a,b", "c"]
    assert split_names("f(x,y),it's") == ["f(x,y)", "it's"]
    assert split_names(" , ") == []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("1h30m", 5400), ("1 h 30 min", 5400), ("2 days", 172_800), ("1.5h", 5400), ("1 week, 1 day", 691_200), ("250ms", 0.25)],
)  # fmt: skip
def test_durations(text: str, seconds: float) -> None:
    """Numbers with units, one after the other."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "1", "h", "1x", "-1h", "1h x", "nan h", "1e3s", "1" * 200 + "h"])
def test_what_is_no_duration(text: str) -> None:
    """A number without its unit, and what has no meaning."""
    assert parse_duration(text) is None


@pytest.mark.usefixtures("utc")
def test_moments() -> None:
    """A day and a month are as long as they are; an hour on a day and a time ago are a moment."""
    day = 86_400.0
    today = NOW - 12.5 * 3600
    assert parse_moment("today", NOW) == Moment(today, today + day)
    assert parse_moment("yesterday", NOW) == Moment(today - day, today)
    assert parse_moment("2 days ago", NOW) == Moment(NOW - 2 * day, NOW - 2 * day)
    assert parse_moment("2026-11-26", NOW) == Moment(today, today + day)
    assert parse_moment("2026-11", NOW) == Moment(today - 25 * day, today + 5 * day)
    assert parse_moment("2026-11-26 12:30", NOW) == parse_moment("2026-11-26T13:30+01:00", NOW) == Moment(NOW, NOW)
    assert parse_moment("now", NOW) == Moment(NOW, NOW)


@pytest.mark.parametrize(
    "text",
    ["", "2026", "2026-W48", "20261126", "2026-13-01", "2026-330", "soon", "ago", "1 ago", "9999-12-31", "0001-01-01"],
)
def test_what_is_no_moment(text: str) -> None:
    """Python reads weeks and days of the year, which people do not mean; the ends of the calendar have no midnight after them."""
    moment = parse_moment(text, NOW)
    assert moment is None or text in {"9999-12-31", "0001-01-01"}


def test_versions_are_ordered_as_pep_440_says() -> None:
    """From development releases over candidates to post releases and local builds, number by number."""
    ordered = [
        "1.0.dev1", "1.0a1.dev1", "1.0a1", "1.0a2", "1.0b1", "1.0rc1.dev2", "1.0rc1", "1.0rc1.post1", "1.0",
        "1.0+cpu", "1.0+cu121", "1.0+cu121.1", "1.0.post1.dev1", "1.0.post1", "1.0.1", "1.2", "1.10", "2.0", "1!0.1",
    ]  # fmt: skip
    keys = [version_key(text) for text in ordered]
    assert None not in keys
    assert keys == sorted(keys)  # type: ignore[type-var]
    assert len(set(keys)) == len(keys)


def test_versions_that_are_the_same() -> None:
    """Zeros at the end, a v before it, other spellings of a candidate."""
    assert version_key("2.3") == version_key("2.3.0") == version_key("v2.3")
    assert version_key("1.0rc1") == version_key("1.0-RC.1") == version_key("1.0c1")
    assert version_key("abc") is None
    assert version_key("9" * 10_000) is not None
