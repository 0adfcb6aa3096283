"""synthetic-it: images drawn after the design of Majaj & Hong (2015), and IT sites simulated on them, from a seed.

It needs no download, and every site's ceiling is known in closed form. Whatever changes in the simulation or in the
drawing raises the edition, by which older files are found and made again.
"""

from itbench import hookimpl


@hookimpl
def itbench_datasets(register):
    register(
        "synthetic-it",
        read,
        description="640 images drawn and 168 IT sites simulated by itbench itself",
        licence="MIT",
        edition=2,
    )


def read(files, reporter):
    from .simulation import synthetic_it

    return synthetic_it()
