"""The file IT_data.h5 of a course: macaque IT, means over repetitions, 2,880 images with and 320 without responses.

Majaj, Hong, Solomon & DiCarlo (2015), J. Neurosci. 35, 13402-13418. The same sites and images, with every repetition,
are ``majajhong2015-it``.
"""

from itbench import hookimpl
from itbench.data import RemoteFile

FILE = RemoteFile("IT_data.h5", "gdrive:1s6caFNRpyR9m7ZM6XEv_e8mcXT3_PnHS", size=384_000_000)


@hookimpl
def itbench_datasets(register):
    register(
        "majaj-it",
        read,
        files=(FILE,),
        description="Macaque IT, 168 sites, 2,880 images with and 320 without responses, averaged over repetitions",
        citation="Majaj, Hong, Solomon & DiCarlo (2015), J. Neurosci. 35, 13402-13418",
        licence="not stated",
        bibtex="majaj2015",
        repetitions="majajhong2015-it",
    )


def read(files, reporter):
    from .course_file import read_course_file

    return read_course_file(files[FILE.name], reporter)
