"""Brain-Score's public assembly: macaque IT and V4, every repetition, 256 sites and 3,200 images.

Majaj, Hong, Solomon & DiCarlo (2015), J. Neurosci. 35, 13402-13418, as https://github.com/brain-score/vision publishes
it: a netCDF-4 file of responses, a CSV with one row per image, and a zip of the images.
"""

from functools import partial

from itbench import hookimpl
from itbench.data import RemoteFile

URL = "https://brainscore-storage.s3.amazonaws.com/brainio-brainscore"
FILES = tuple(
    RemoteFile(name, f"{URL}/{name}", sha1=sha1)
    for name, sha1 in (
        ("assy_dicarlo_MajajHong2015_public.nc", "13d28ca0ce88ee550b54db3004374ae19096e9b9"),
        ("stimulus_hvm-public.csv", "5ca7a3da00d8e9c694a9cd725df5ba0ad6d735af"),
        ("stimulus_hvm-public.zip", "8aa44e038d7b551efa8077467622f9d48d72e473"),
    )
)


@hookimpl
def itbench_datasets(register):
    for region, sites in (("IT", 168), ("V4", 88)):
        register(
            f"majajhong2015-{region.lower()}",
            partial(read, region=region),
            files=FILES,
            description=f"Macaque {region}, {sites} sites, 3,200 images with every repetition, "
            "as Brain-Score publishes them",
            citation="Majaj, Hong, Solomon & DiCarlo (2015), J. Neurosci. 35, 13402-13418",
            licence="not stated",
            bibtex="majaj2015",
        )


def read(files, reporter, *, region):
    from .assembly import read_assembly

    netcdf, csv, images = (files[file.name] for file in FILES)
    return read_assembly(netcdf, csv, images, region, reporter)
