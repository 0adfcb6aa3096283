"""Scores as long tables, one row a score, layer or site, and their files: CSV, JSON, Parquet and JSON-LD."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from itbench.errors import BadOption, ItbenchError, UnknownName
from itbench.results.score_file import NAMES, provenance
from itbench.results.score_setup import Setup
from itbench.results.score_variables import (
    SITE_MEASURES,
    ceiling_of,
    chosen_layers,
    measures_site_by_site,
    pooled,
    site_names,
)
from itbench.results.summary import summary
from itbench.util.checksum import canonical_json
from itbench.util.files import whole_file, write_text
from itbench.util.tables import csv_text

if TYPE_CHECKING:
    import pandas as pd

    from itbench.results.bibtex import Reference

ROWS = ("scores", "layers", "sites")
FORMS = {".csv": "csv", ".json": "json", ".parquet": "parquet", ".jsonld": "jsonld"}  # of a file, by its ending
OPTION = "option."  # before the name of a metric's option in a column
MEASURED = {  # and over what each is a mean or a median
    "explained_variance": "mean over sites",
    "correlation": "mean over sites",
    "explained_variance_corrected": "sum of explained variances over sum of ceilings, of the sites that have both",
    "ceiling": "median over sites",
    "brainscore": "of medians over sites",
}
Row = dict[str, Any]


def score_table(scores: Iterable[xr.Dataset], rows: str = "scores") -> list[Row]:
    """Return scores as a long table: labels and setup of the score in every row, with its figures.

    Parameters
    ----------
    scores : iterable of Dataset
    rows : {"scores", "layers", "sites"}
        What a row is: a score with its headline and summary, one of its layers, or one of its sites with the values
        pooled over splits at the layers that they chose. Comparisons such as CKA have no sites.

    Returns
    -------
    list of dict
        All with the same keys; None where a score has no such figure. Options of the metric are ``option.NAME``.

    Raises
    ------
    UnknownName
        For other `rows`.
    BadOption
        If no score has sites.
    """
    if rows not in ROWS:
        raise UnknownName.of("kind of rows", rows, ROWS)
    given = list(scores)
    of_kind = {"scores": _score, "layers": _layers, "sites": _sites}[rows]
    found = [{**_labels(score), **row, **_setup(score)} for score in given for row in of_kind(score)]
    if given and not found:
        raise BadOption(
            "None of the scores has values by site: they are comparisons of all sites at once.",
            todo="Leave out the rows, or take layers.",
        )
    keys = sorted(dict.fromkeys(key for row in found for key in row), key=lambda key: key.startswith(OPTION))
    return [{key: _known(row.get(key)) for key in keys} for row in found]


def write_table(rows: Sequence[Row], path: Path, form: str) -> None:
    """Write a long table to a CSV, JSON or Parquet file, whole or not at all; float64 as it is.

    Raises
    ------
    ItbenchError
        For Parquet without pyarrow.
    """
    if form == "parquet":
        if importlib.util.find_spec("pyarrow") is None:
            raise ItbenchError("Parquet needs pyarrow, which is not installed.", todo="pip install 'itbench[parquet]'")
        with whole_file(path) as partial:
            frame(rows).to_parquet(partial, engine="pyarrow", index=False)
    else:
        write_text(path, (csv_text(rows, list(rows[0])) if form == "csv" else json_text(rows)) + "\n")


def json_text(value: Any) -> str:
    """Return rows, or JSON-LD, as JSON text."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)


def frame(rows: Sequence[Row]) -> pd.DataFrame:
    """Return a long table as a DataFrame: NaN in columns of numbers where a score has no such figure."""
    import pandas as pd

    return pd.DataFrame(list(rows))


def _labels(score: xr.Dataset) -> Row:
    record = provenance(score)
    return {
        "score": score.attrs["file_stem"],
        **{key: score.attrs[key] for key in NAMES},
        "region": score.attrs.get("region", ""),
        "baseline": score.attrs.get("baseline", ""),
        "date": record.get("date", ""),
        "itbench": record.get("versions", {}).get("itbench", ""),
    }


def _score(score: xr.Dataset) -> list[Row]:
    whole = summary(score)
    plain = {key: value for key, value in whole.items() if not isinstance(value, list | dict) and key not in NAMES}
    return [{**plain, "layers_chosen": canonical_json(whole["layers_chosen"])}]


def _layers(score: xr.Dataset) -> list[Row]:
    whole, chosen = summary(score), chosen_layers(score)
    measured = {key: whole[key] for key in ("measure", "edition")}
    return [{**measured, **row, "times_chosen": chosen.get(row["layer"], 0)} for row in whole["layers"]]


def _sites(score: xr.Dataset) -> list[Row]:
    if not measures_site_by_site(score):
        return []
    columns = {name: pooled(score, name, chosen=True).values for name in SITE_MEASURES}
    ceiling = ceiling_of(score)
    columns |= {} if ceiling is None else {"ceiling": ceiling}
    return [
        {"site": site, **{name: float(values[index]) for name, values in columns.items()}}
        for index, site in enumerate(site_names(score) or ())
    ]


def _setup(score: xr.Dataset) -> Row:
    setup = Setup.of(score)
    return {
        **{f"{part}_digest": setup.digests.get(part, "") for part in ("stimuli", "responses", "weights")},
        "splits": canonical_json(dict(setup.splits)),
        "clusters": setup.clusters,
        **{f"setup_{key}" if key == "layers" else key: value for key, value in setup.settings.items()},
        "requested": canonical_json({key: value for key, value in setup.requested.items() if value}),
        "options_given": canonical_json(dict(setup.options["given"])),
        **{f"{OPTION}{key}": value for part in ("defaulted", "given") for key, value in setup.options[part].items()},
    }


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value


def json_ld(
    found: Sequence[tuple[Path, xr.Dataset]], references: Sequence[Reference] = (), creator: str = ""
) -> dict[str, Any]:
    """Return score files described as JSON-LD in the vocabulary of schema.org, which needs no network to be read.

    Parameters
    ----------
    found : sequence of (Path, Dataset)
        Score files and their scores, one part of the data set each.
    references : sequence of Reference
        Of what the scores used.
    creator : str, optional
        Person or group who made the scores; none is stated without.
    """
    names = sorted({str(score.attrs["benchmark"]) for _, score in found})
    versions = sorted({_labels(score)["itbench"] for _, score in found} - {""})
    return {
        "@context": {"@vocab": "https://schema.org/"},
        "@type": "Dataset",
        "name": f"itbench scores on {', '.join(names)}",
        "description": (
            "Scores of vision networks on recordings from the brain: how well each network explains the responses "
            "to images, by one metric on one benchmark, with 95 % intervals."
        ),
        **({"creator": {"name": creator}} if creator else {}),
        "isBasedOn": [_software(version) for version in versions],
        "citation": [_work(one) for one in references],
        "measurementTechnique": sorted({str(score.attrs["metric"]) for _, score in found}),
        "hasPart": [_part(path, score) for path, score in found],
    }


def _software(version: str) -> dict[str, Any]:
    return {"@type": "SoftwareApplication", "name": "itbench", "softwareVersion": version}


def _work(reference: Reference) -> dict[str, Any]:
    fields = {name: text.replace("{", "").replace("}", "") for name, text in reference.fields.items()}
    identifier = f"https://doi.org/{fields['doi']}" if "doi" in fields else fields.get("url", "")
    work = {"name": fields.get("title", reference.key), "text": reference.text, "identifier": identifier}
    return {"@type": "CreativeWork", **{name: text for name, text in work.items() if text}}


def _part(path: Path, score: xr.Dataset) -> dict[str, Any]:
    labels, whole, setup = _labels(score), summary(score), Setup.of(score)
    technique = [f"{labels['metric']}", *(f"{key}={value}" for key, value in setup.metric_values().items())]
    headline = {
        "@type": "PropertyValue",
        "name": whole["measure"],
        "value": whole["value"],
        "minValue": whole["low"],
        "maxValue": whole["high"],
        "description": f"headline; 95 % interval over {whole['drawn']}" if whole["drawn"] else "headline",
    }
    others = [
        {"@type": "PropertyValue", "name": name, "value": whole[name], **({"description": of} if of else {})}
        for name, of in MEASURED.items()
        if whole.get(name) is not None and name != whole["measure"]
    ]
    content = path.read_bytes()
    part = {
        "@type": "Dataset",
        "identifier": labels["score"],
        "name": f"{labels['model']} ({labels['weights']}) on {labels['benchmark']} by {labels['metric']}",
        "dateCreated": datetime.fromisoformat(labels["date"]).isoformat() if labels["date"] else "",
        "keywords": [text for key in (*NAMES, "region") if (text := labels[key]) not in ("", "none")],
        "measurementTechnique": technique,
        "variableMeasured": [_without_none(headline), *others],
        "distribution": {
            "@type": "DataDownload",
            "contentUrl": path.name,
            "encodingFormat": "application/x-netcdf",
            "contentSize": f"{len(content)} B",
            "sha256": hashlib.sha256(content).hexdigest(),
        },
    }
    return {key: value for key, value in part.items() if value not in ("", [])}


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
