"""Digest of a Python file with those beside it that it imports."""

import hashlib
import json
import subprocess

import pytest

from itbench.util.code_versions import git_commit, is_installed, local_sources, sources_digest

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


def test_a_package_is_found_by_its_own_name_and_itbench_is_not_followed(tmp_path):
    files = {
        "pack/__init__.py": "from pack.inner import part\n",
        "pack/inner/__init__.py": "",
        "itbench/__init__.py": "",
    }
    files |= {
        "pack/inner/part.py": "import pack.beside\nimport itbench\n",
        "pack/beside.py": "",
        "alone.py": "import itbench\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(text)
    found = {str(path.relative_to(tmp_path)) for path in local_sources(tmp_path / "pack" / "__init__.py")}
    assert found == {name for name in files if name.startswith("pack")}
    assert local_sources(tmp_path / "alone.py") == [tmp_path / "alone.py"]


@pytest.mark.parametrize("name", ["site-packages", "dist-packages"])
def test_packages_beside_an_installed_file_are_not_followed(name, tmp_path):
    """In any environment: one may use the packages of another."""
    installed = tmp_path / "lib" / "python3.11" / name
    installed.mkdir(parents=True)
    (installed / "plugin.py").write_text("import other\n")
    (installed / "other.py").write_text("")
    assert local_sources(installed / "plugin.py") == [installed / "plugin.py"]
    assert is_installed(installed / "other.py")
    assert is_installed(json.__file__)
    assert not is_installed(tmp_path / "plugin.py")


def test_a_file_alone_has_the_digest_of_its_bytes(folder):
    content = (folder / "near.py").read_bytes()
    expected = hashlib.sha256(f"bytes:{len(content)}:".encode() + content).hexdigest()
    assert sources_digest(folder / "near.py") == expected
    (folder / "near.py").write_text("def (")  # no Python: it says so when it is imported
    assert local_sources(folder / "near.py") == [folder / "near.py"]


def test_a_checkout_has_its_commit_and_says_whether_it_was_changed(tmp_path):
    def git(*words):
        named = ["-c", "user.name=a", "-c", "user.email=a@b.c", *words]
        return subprocess.run(
            ["git", "-C", tmp_path, *named], check=True, capture_output=True, text=True
        ).stdout.strip()

    assert git_commit(None) == git_commit(tmp_path) == {"commit": None, "dirty": None}
    git("init")
    (tmp_path / "a.py").write_text("")
    assert git_commit(tmp_path) == {"commit": None, "dirty": None}
    git("add", "a.py")
    git("commit", "-m", "a")
    assert git_commit(tmp_path) == {"commit": git("rev-parse", "HEAD"), "dirty": False}
    (tmp_path / "b.py").write_text("")
    assert git_commit(tmp_path) == {"commit": git("rev-parse", "HEAD"), "dirty": True}
