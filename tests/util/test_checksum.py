"""Sealed files: the checksum at the end tells a truncated or altered file from a whole one."""

import pytest

from itbench.util.checksum import is_sealed, seal_file, seal_line, unseal


@pytest.mark.parametrize("seal", [seal_line, bytes])
@pytest.mark.parametrize("content", [b"", b"x", bytes(range(256)) * 9000])
def test_a_sealed_file_is_known_from_a_truncated_or_altered_one(seal, content, tmp_path):
    path = tmp_path / "sealed"
    path.write_bytes(content)
    assert not is_sealed(path, seal)
    seal_file(path, seal)
    whole = path.read_bytes()
    assert is_sealed(path, seal)
    assert unseal(whole, seal) == content
    for damaged in (whole[:-1], whole[1:], whole + b"\n", bytes([whole[0] ^ 1]) + whole[1:], b""):
        path.write_bytes(damaged)
        assert not is_sealed(path, seal)
        assert unseal(damaged, seal) is None
