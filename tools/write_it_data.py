"""Write a stand-in for the course's IT_data.h5, of its form and size, with drawn images and simulated sites.

    python tools/write_it_data.py IT_data.h5                      # as published: 2,592 + 288 + 320 images
    python tools/write_it_data.py small.h5 --stimuli 256 64 64

Its images, and the means of its responses, are those that tools/write_hvm_public.py writes.
"""

from __future__ import annotations

import time
from pathlib import Path

import click
from drawn_hvm import DrawnExperiment
from majaj_files import write_course_file


@click.command()
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--stimuli", nargs=3, type=int, default=(2592, 288, 320), show_default=True, help="Train, val and test.")
@click.option("--size", default=224, show_default=True, help="Pixels.")
def main(path: Path, stimuli: tuple[int, int, int], size: int) -> None:
    """Write the file PATH."""
    start = time.time()
    counts = dict(zip(("train", "val", "test"), stimuli, strict=True))
    write_course_file(path, DrawnExperiment(n=sum(stimuli)), counts, size, chunks=True, compression="gzip")
    click.echo(f"wrote {path} ({path.stat().st_size / 1e6:.0f} MB) in {time.time() - start:.0f} s")


if __name__ == "__main__":
    main()
