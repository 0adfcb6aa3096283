"""Digest of a Python file with those beside it that it imports."""

import hashlib

import pytest

from itbench.util.sources import local_sources, sources_digest

FILES = {
    "plugin.py": "import os\nimport direct\n\n\ndef build():\n    from package import part\n    from .near import x\n",
    "direct.py": "from further import y\nimport plugin\n",
    "further.py": "y = 1\n",
    "near.py": "x = 1\n",
    "package/__init__.py": "",
    "package/part.py": "from . import other\n",
    "package/other.py": "",
    "stranger.py": "",
}
READ = set(FILES) - {"stranger.py"}


@pytest.fixture
def folder(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_imports_are_followed_also_inside_functions(folder):
    found = local_sources(folder / "plugin.py")
    assert found[0] == folder / "plugin.py"
    assert {str(path.relative_to(folder)) for path in found} == READ


@pytest.mark.parametrize("name", FILES)
def test_a_change_of_any_of_them_changes_the_digest(name, folder):
    before = sources_digest(folder / "plugin.py")
    (folder / name).write_text(FILES[name] + "# changed\n")
    assert (sources_digest(folder / "plugin.py") != before) == (name in READ)


def test_a_file_alone_has_the_digest_of_its_bytes(folder):
    content = (folder / "near.py").read_bytes()
    expected = hashlib.sha256(f"bytes:{len(content)}:".encode() + content).hexdigest()
    assert sources_digest(folder / "near.py") == expected
    (folder / "near.py").write_text("def (")  # no Python: it says so when it is imported
    assert local_sources(folder / "near.py") == [folder / "near.py"]
