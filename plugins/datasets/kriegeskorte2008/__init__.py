"""Dissimilarities of 92 objects in monkey and human IT, without the responses, which were not published.

Kriegeskorte et al. (2008), Neuron 60, 1126-1141. Two MATLAB files, as https://github.com/rsagroup/rsatoolbox publishes
them in ``demos/92imageData``.
"""

from functools import partial

from itbench import hookimpl
from itbench.data import RemoteFile

URL = "https://raw.githubusercontent.com/rsagroup/rsatoolbox"
FILES = tuple(
    RemoteFile(name, f"{URL}/{commit}/demos/92imageData/{name}", size, sha1)
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


@hookimpl
def itbench_datasets(register):
    for name, species, sites in (
        ("kriegeskorte2008-it", "monkey", "674 neurons"),
        ("kriegeskorte2008-human-it", "human", "316 voxels in each of 4 subjects"),
    ):
        register(
            name,
            partial(read, species=species),
            files=FILES,
            description=f"{species.capitalize()} IT, 92 objects: dissimilarities of {sites}, no responses",
            citation="Kriegeskorte et al. (2008), Neuron 60, 1126-1141",
            licence="MIT, of the repository that publishes it",
            bibtex="kriegeskorte2008it",
        )


def read(files, reporter, *, species):
    from .rdms import read_kriegeskorte

    supplement, brains = (files[file.name] for file in FILES)
    return read_kriegeskorte(supplement, brains, species)
