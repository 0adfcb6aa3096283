"""synthetic-it: images drawn after the design of Majaj & Hong (2015), and IT sites simulated on them, from a seed.

It needs no download, and every site's ceiling is known in closed form. synthetic-it-noisy has the same images and spike
counts of other sites with noise as in recordings. Whatever changes in a simulation or in the drawing raises the edition
of both, by which older files are found and made again.
"""

from itbench import hookimpl

EDITION = 2


@hookimpl
def itbench_datasets(register):
    register(
        "synthetic-it",
        read,
        description="640 images drawn and 168 IT sites simulated by itbench itself",
        licence="MIT",
        bibtex="itbench design:majaj2015",
        edition=EDITION,
    )
    register(
        "synthetic-it-noisy",
        read_noisy,
        description="spike counts of 120 IT sites simulated on the images of synthetic-it, with shared noise and drift",
        licence="MIT",
        bibtex="itbench design:majaj2015",
        edition=EDITION,
    )


def read(files, reporter):
    from .simulation import synthetic_it

    return synthetic_it()


def read_noisy(files, reporter):
    from itbench import load_plugins
    from itbench.data import load_recordings

    from .spike_counts import synthetic_it_noisy

    return synthetic_it_noisy(load_recordings("synthetic-it", load_plugins().datasets, reporter))
