"""Data sets by name: where their recordings lie on disk, and what is known of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from itbench.data.download.remote import RemoteFile
from itbench.data.recordings import Recordings
from itbench.errors import BadRecordings, UnknownName
from itbench.util import folders
from itbench.util.progress import Reporter

Files = Mapping[str, Path]  # by the name of a `RemoteFile`

MAJAJ = "Majaj, Hong, Solomon & DiCarlo (2015), J. Neurosci. 35, 13402-13418"
KRIEGESKORTE = "Kriegeskorte et al. (2008), Neuron 60, 1126-1141"
RSATOOLBOX = "https://raw.githubusercontent.com/rsagroup/rsatoolbox"
BRAIN_SCORE = "https://brainscore-storage.s3.amazonaws.com/brainio-brainscore"


@dataclass(frozen=True)
class KnownDataset:
    """Recordings that itbench knows how to get.

    Parameters
    ----------
    description : str
    make : callable
        Turns the files, by name, into `Recordings`; the second argument is a `Reporter`.
    files : tuple of RemoteFile
        What it is made of; none if itbench makes all of it.
    citation, licence : str, optional
    edition : int
        Of what itbench makes itself; raised whenever that changes, so that older files are made again.
    """

    description: str
    make: Callable[[Files, Reporter], Recordings]
    files: tuple[RemoteFile, ...] = ()
    citation: str = ""
    licence: str = ""
    edition: int = 1

    @property
    def file_names(self) -> str:
        """The names of its files in one line, as a command takes them."""
        return " ".join(file.name for file in self.files)


def _synthetic(files: Files, reporter: Reporter) -> Recordings:
    from itbench.data.readers.synthetic_it import synthetic_it

    return synthetic_it()


def _course(files: Files, reporter: Reporter) -> Recordings:
    from itbench.data.readers.course import read_course_file

    return read_course_file(files[COURSE.name], reporter)


def _assembly(files: Files, reporter: Reporter, *, region: str) -> Recordings:
    from itbench.data.readers.assembly import read_assembly

    netcdf, csv, images = (files[file.name] for file in ASSEMBLY)
    return read_assembly(netcdf, csv, images, region, reporter)


def _kriegeskorte(files: Files, reporter: Reporter, *, species: str) -> Recordings:
    from itbench.data.readers.kriegeskorte2008 import read_kriegeskorte

    supplement, brains = (files[file.name] for file in OBJECTS)
    return read_kriegeskorte(supplement, brains, species)


COURSE = RemoteFile("IT_data.h5", "gdrive:1s6caFNRpyR9m7ZM6XEv_e8mcXT3_PnHS", size=384_000_000)
ASSEMBLY = tuple(
    RemoteFile(name, f"{BRAIN_SCORE}/{name}", sha1=sha1)
    for name, sha1 in (
        ("assy_dicarlo_MajajHong2015_public.nc", "13d28ca0ce88ee550b54db3004374ae19096e9b9"),
        ("stimulus_hvm-public.csv", "5ca7a3da00d8e9c694a9cd725df5ba0ad6d735af"),
        ("stimulus_hvm-public.zip", "8aa44e038d7b551efa8077467622f9d48d72e473"),
    )
)
OBJECTS = tuple(
    RemoteFile(name, f"{RSATOOLBOX}/{commit}/demos/92imageData/{name}", size, sha1)
    for name, commit, size, sha1 in (
        (
            "Kriegeskorte_Neuron2008_supplementalData.mat",
            "9ac4b5cdcb702c02481cabba33c551d187d50b6c",
            3_603_779,
            "6ef4c101203befc9caccc5070fa27ad3293c7f84",
        ),
        (
            "92_brainRDMs.mat",
            "a019e37ee631456aa99425efb33cb4e26e9ea181",
            224_663,
            "3f181418b81699ad25778475a670344b7c65c39d",
        ),
    )
)
KNOWN = {
    "synthetic-it": KnownDataset(
        "640 images drawn and 168 IT sites simulated by itbench itself", _synthetic, licence="MIT", edition=2
    ),
    "majaj-it": KnownDataset(
        "Macaque IT, 168 sites, 2,880 images with and 320 without responses, averaged over repetitions",
        _course,
        (COURSE,),
        citation=MAJAJ,
        licence="not stated",
    ),
    **{
        f"majajhong2015-{region.lower()}": KnownDataset(
            f"Macaque {region}, {sites} sites, 3,200 images with every repetition, as Brain-Score publishes them",
            partial(_assembly, region=region),
            ASSEMBLY,
            citation=MAJAJ,
            licence="not stated",
        )
        for region, sites in (("IT", 168), ("V4", 88))
    },
    **{
        name: KnownDataset(
            f"{species.capitalize()} IT, 92 objects: dissimilarities of {what}, no responses",
            partial(_kriegeskorte, species=species),
            OBJECTS,
            citation=KRIEGESKORTE,
            licence="MIT, of the repository that publishes it",
        )
        for name, species, what in (
            ("kriegeskorte2008-it", "monkey", "674 neurons"),
            ("kriegeskorte2008-human-it", "human", "316 voxels in each of 4 subjects"),
        )
    },
}

ENDING = ".h5"
PATH_ENDINGS = (ENDING, ".hdf5", ".nc")  # what ends so is a path, not a name


def recordings_path(name: str) -> Path:
    """Return where recordings called `name` lie or would lie: `name` itself if it is a path."""
    return Path(name).expanduser() if name.endswith(PATH_ENDINGS) else folders.data() / f"{name}{ENDING}"


def installed_recordings() -> dict[str, Path]:
    """Return the recordings in the data folder, by name."""
    return {path.stem: path for path in sorted(folders.data().glob(f"*{ENDING}"))}


def recordings_state(name: str) -> str:
    """Return ``here``, ``made when needed``, ``fetched when needed`` or ``missing``."""
    if recordings_path(name).exists():
        return "here"
    if name not in KNOWN:
        return "missing"
    return "fetched when needed" if KNOWN[name].files else "made when needed"


def new_recordings_path(name: str, replace: bool) -> Path:
    """Return where new recordings called `name` may be written.

    Raises
    ------
    BadRecordings
        If the name is taken and not to be replaced, or no name for a file.
    """
    if not re.fullmatch(r"[\w.+-]{1,100}", name) or name.startswith(".") or name.endswith(PATH_ENDINGS):
        raise BadRecordings(
            f"{name!r} is no name for recordings.",
            known=f"Up to 100 letters, digits and . _ + - are, without the ending {ENDING}.",
        )
    if name in KNOWN:
        raise BadRecordings(f"The name {name!r} belongs to a known data set.", todo="Choose another.")
    path = folders.data() / f"{name}{ENDING}"
    if path.exists() and not replace:
        raise BadRecordings(
            f"There are recordings called {name!r} already: {path}.", todo="Choose another name, or add --replace."
        )
    return path


def unknown_dataset(name: str) -> UnknownName:
    """Return the error for recordings that are neither here nor known."""
    bring = f"Bring it with: itbench data pack {Path(name).stem} --images … --responses …"
    return UnknownName.of("data set", name, {*KNOWN, *installed_recordings()}, todo=bring)
