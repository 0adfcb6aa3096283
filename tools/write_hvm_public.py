"""Write stand-ins for Brain-Score's three public files of Majaj & Hong (2015), of their form and size.

    python tools/write_hvm_public.py hvm             # 148,480 presentations of 3,200 images to 256 neuroids
    python tools/write_hvm_public.py hvm --small     # 320 images

Its images and responses are those of tools/write_it_data.py, so that the two can be linked.
"""

from __future__ import annotations

import time
from pathlib import Path

import click
from drawn_hvm import DrawnExperiment
from majaj_files import write_public


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--small", is_flag=True, help="320 images, as write_it_data.py --stimuli 256 32 32 has.")
def main(folder: Path, small: bool) -> None:
    """Write the three files into FOLDER."""
    start = time.time()
    for path in write_public(folder, DrawnExperiment(n=320 if small else 3200), zlib=True, complevel=4):
        click.echo(f"wrote {path} ({path.stat().st_size / 1e6:.0f} MB)")
    click.echo(f"in {time.time() - start:.0f} s")


if __name__ == "__main__":
    main()
