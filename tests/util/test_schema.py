"""The schema reader of YAML files: numbers with exponents, and errors that name the file and the key."""

import pytest

from itbench.errors import BadOption, UnknownName
from itbench.util.schema import check_mapping, number, read_yaml, sentence

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
        ("name: !!python/name:os.getcwd ''", BadOption, "is not YAML"),
    ],
)
def test_a_schema_names_the_file_and_what_is_wrong_in_it(text, kind, words, tmp_path):
    with pytest.raises(kind) as caught:
        read(text, tmp_path)
    assert "mine.yaml" in caught.value.what
    assert words in str(caught.value)
