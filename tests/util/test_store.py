"""A content-addressed store of any format: found by the whole key, listed, cleared, damaged files set aside."""

from pathlib import Path

import pytest

from itbench.errors import DamagedFile, ItbenchWarning
from itbench.util.store import Store

KEY = {"model": "one", "seed": 0}


class TextStore(Store[str]):
    """Texts that begin with their model."""

    ending = ".txt"
    other_endings = (".draft",)
    remedy = "the text is written again"

    @property
    def _root(self):
        return self.folder

    def _load(self, path):
        text = path.read_text()
        if not text.startswith("model "):
            raise DamagedFile(f"The text {path} is damaged.")
        return text

    def _entry(self, path):
        return {"model": path.read_text().split()[1]} if path.suffix == self.ending else {}

    def write(self, key, text):
        with self._writing(key) as partial:
            partial.write_text(text)


class FolderStore(TextStore):
    subfolders = True


@pytest.mark.parametrize("kind", [TextStore, FolderStore])
def test_a_store_finds_by_the_whole_key_lists_and_clears(kind, tmp_path):
    store = kind(tmp_path)
    assert (store.read(KEY), KEY in store, list(store.entries())) == (None, False, [])
    store.write(KEY, "model one")
    store.write({**KEY, "seed": 1}, "model two")
    assert store.read(KEY) == "model one"
    assert KEY in store
    assert store.read({**KEY, "seed": 2}) is None
    assert {entry["model"]: Path(entry["file"]).parent == tmp_path for entry in store.entries()} == {
        "one": kind is TextStore,
        "two": kind is TextStore,
    }
    assert store.clear("two") == (1, 9)
    assert store.clear() == (1, 9)
    assert list(store.entries()) == []


@pytest.mark.parametrize("kind", [TextStore, FolderStore])
def test_a_store_sets_a_damaged_file_aside_and_clears_what_was_left(kind, tmp_path):
    store = kind(tmp_path)
    store.write(KEY, "nonsense")
    path = store.path(KEY)
    words = rf"The text {path} is damaged\. The file is now {path.name}\.damaged, and the text is written again\."
    with pytest.warns(ItbenchWarning, match=words):
        assert store.read(KEY) is None
    assert KEY not in store
    path.with_suffix(".draft").write_text("half")
    path.with_name(f".{path.name}.gone.partial").write_text("half")
    assert store.clear("one")[0] == 0
    assert store.clear()[0] == 3
    assert not [left for left in tmp_path.rglob("*") if left.is_file()]
