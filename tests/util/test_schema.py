"""The schema reader of YAML files: numbers with exponents, and errors that name the file and the key."""

import time

import pytest

from itbench.errors import BadOption, UnknownName
from itbench.util.schema import check_mapping, number, parse_yaml, read_yaml, sentence

CHECKS = {"rate": number(0, 1, "a number from 0 to 1"), "name": sentence}


def read(text, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    content = read_yaml(path, "thing", BadOption, CHECKS)
    return check_mapping(content, CHECKS, "thing", BadOption, where=f"{path}: ", required=("name",))


def test_a_schema_reads_a_number_with_an_exponent(tmp_path):
    assert read("{name: a  b, rate: 1e-4}", tmp_path) == {"name": "a b", "rate": 1e-4}


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("name: a\nrat: 1", UnknownName, "unknown key of a thing 'rat'.\nDid you mean rate?"),
        ("rate: 1", BadOption, "key 'name' is missing.\nKnown keys: rate, name."),
        ("name: ''", BadOption, "key 'name' is missing."),
        ("name: a\nrate: 2", BadOption, "key 'rate' must be a number from 0 to 1, not 2."),
        ("name: [a]", BadOption, "key 'name' must be text, not ['a']."),
        ("- name", BadOption, "a thing must be a mapping of keys to values, not ['name'].\nKnown keys: rate, name."),
        ("name: a\nrate: 2020-13-45", BadOption, "is not YAML: '2020-13-45': month must be in 1..12 in line 2"),
        ("name: a\nrate: !!bool x", BadOption, "is not YAML: 'x'"),
        (
            "name: no",
            BadOption,
            "key 'name' must be text, not False: YAML reads no, off and false as false; put a word in",
        ),
        ("name: On", BadOption, "not True: YAML reads yes, on and true as true; put a word in quotes"),
        ("name: [~]", BadOption, "must be text, not [None]"),
        ("name: 2020-01-01", BadOption, "YAML reads it as a date; put text in quotes"),
        ("name: a\noff: 1", UnknownName, "unknown key of a thing 'False: YAML reads no"),
        ("name: a\nrate: 1\nname: b", BadOption, "the key 'name' is there twice, first in line 1; in line 3"),
        ("name: {a: 1, b: 2, a: 3}", BadOption, "the key 'a' is there twice, first in line 1; in line 1"),
        ("name: &a x\nrate: *a", BadOption, "references (*name) are not read, write the value out; in line 2"),
        ("rate: 0:30\nname: a", BadOption, "key 'rate' must be a number from 0 to 1, not '0:30'."),
        ("name: !!python/name:os.getcwd ''", BadOption, "is not YAML"),
    ],
)
def test_a_schema_names_the_file_and_what_is_wrong_in_it(text, kind, words, tmp_path):
    with pytest.raises(kind) as caught:
        read(text, tmp_path)
    assert "mine.yaml" in caught.value.what
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-4", 1e-4), ("-3", -3), (".5", 0.5), ("1_000", 1000), ("1:30", "1:30"), ("010", "010"), ("-1.5E+3", -1500.0)],
)
def test_a_number_is_what_it_looks_like(text, value):
    """PyYAML reads 1:30 as 90 seconds and 010 as 8."""
    assert parse_yaml(text, "it", BadOption) == value


def references_to_references():
    lines = ["b0: &b0 [x, x, x, x, x, x, x, x, x]"]
    return "\n".join(lines + [f"b{n}: &b{n} [{', '.join([f'*b{n - 1}'] * 9)}]" for n in range(1, 10)])


@pytest.mark.parametrize(
    "text",
    [references_to_references(), "name: " + "[" * 5000, "name: " + "{a: " * 3000, "name: [" + "x, " * 50_000 + "]"],
    ids=["references", "lists", "mappings", "long"],
)
def test_a_file_that_would_fill_the_memory_or_the_screen_is_refused_in_a_line(text, tmp_path):
    start = time.perf_counter()
    with pytest.raises(BadOption) as caught:
        read(text, tmp_path)
    assert len(str(caught.value)) < 500
    assert time.perf_counter() - start < 10


def test_a_file_of_megabytes_is_not_parsed(tmp_path):
    with pytest.raises(BadOption, match="is no thing file: it has 3 MB"):
        read("#" * 3_000_000, tmp_path)
