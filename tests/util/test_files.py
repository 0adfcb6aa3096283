"""Names of files that are written whole: as long as a file system takes them."""

import pytest

from itbench.errors import BadOption, ItbenchError
from itbench.util.files import check_file_name, disk_errors, write_text


def test_the_longest_name_is_written_and_a_longer_one_is_refused(tmp_path):
    with pytest.raises(BadOption, match=r"The names are too long for a file: 300 bytes, x{60}…\.") as error:
        check_file_name("x" * 300, "The names")
    longest = int(error.value.known.split()[-2])
    write_text(tmp_path / check_file_name("x" * longest, "The names"), "here")
    assert [path.name for path in tmp_path.glob("x*")] == ["x" * longest]
    with pytest.raises(BadOption):
        check_file_name("é" * (longest // 2 + 1), "The names")


def test_a_path_that_is_too_long_is_one_error(tmp_path):
    with pytest.raises(ItbenchError, match=r"A file name in .* is too long"), disk_errors(tmp_path):
        (tmp_path / ("x" * 300)).touch()
