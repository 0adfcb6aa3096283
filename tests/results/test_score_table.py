"""Scores as long tables: every label and setting, and numbers that come back as they were."""

import hashlib
import importlib.util
import json

import numpy as np
import pandas as pd
import pytest

import itbench
from itbench.errors import BadOption, UnknownName
from itbench.results.score_file import write_score
from itbench.results.score_table import score_table
from tests.kit.commands import run
from tests.kit.scores import ABOUT, comparison_score, readout_score

RNG = np.random.default_rng(0)
RECORDED = RNG.standard_normal((40, 5))
PREDICTED = 0.7 * RECORDED + RNG.standard_normal((40, 5))
PREDICTED[:, 4] = np.nan  # a site that is not scored
SCHEMA = {  # of schema.org, by type: the properties that may be there
    "Dataset": {"name", "description", "creator", "isBasedOn", "citation", "measurementTechnique", "hasPart"}
    | {"identifier", "dateCreated", "keywords", "variableMeasured", "distribution"},
    "CreativeWork": {"name", "text", "identifier"},
    "SoftwareApplication": {"name", "softwareVersion"},
    "PropertyValue": {"name", "value", "minValue", "maxValue", "description"},
    "DataDownload": {"contentUrl", "encodingFormat", "contentSize", "sha256"},
}


@pytest.fixture
def folder(tmp_path):
    """Scores of two readouts with other options, and of a comparison."""
    folder = tmp_path / "scores"
    ceiling = np.array([0.9, 0.8, 0.7, np.nan, 0.5])
    about = {"date": "2026-01-02T03:04:05+0000", "versions": {"itbench": "0.1.0"}}
    write_score(readout_score(RECORDED, PREDICTED, ceiling=ceiling, model="a, b", n_draws=50, **about), folder)
    given = {"options": {"given": {"alpha": "3"}, "defaulted": {"components": "1000"}}}
    write_score(readout_score(RECORDED, PREDICTED / 3, model="net", n_draws=0, **given), folder)
    write_score(comparison_score([0.1, 0.2, 0.4], n_draws=50, model="net", options=ABOUT["options"]), folder)
    return folder


def explained_variance(recorded, predicted, folds=4):
    """1 − Σ SSR / Σ SST over folds, about the means of each fold, by site."""
    fold = np.arange(len(recorded)) % folds
    sums = np.zeros((2, recorded.shape[1]))
    for number in range(folds):
        y, error = recorded[fold == number], (recorded - predicted)[fold == number]
        sums += [np.square(error - error.mean(0)).sum(0), np.square(y - y.mean(0)).sum(0)]
    return 1 - sums[0] / sums[1]


@pytest.mark.parametrize(
    "words", [("x.csv", "json"), ("x.parquet", "csv"), ("x.jsonld", "json"), ("x.json", "markdown")]
)
def test_an_ending_of_another_format_is_refused(words, folder):
    name, form = words
    done = run("scores", "--results", folder, "--output", folder / name, "--format", form)
    assert done.exit_code == 1
    assert f"{name} would hold {form}, but its ending {name[1:]} means {name[2:]}." in done.stderr
    assert not (folder / name).exists()


def test_json_ld_says_whether_a_figure_is_a_mean_or_a_median(folder):
    described = json.loads(written(folder, "scores.jsonld").read_text())
    figures = {one["name"]: one for part in described["hasPart"] for one in part["variableMeasured"]}
    assert figures["ceiling"]["description"] == "median over sites"
    assert figures["ceiling"]["value"] == pytest.approx(np.median([0.9, 0.8, 0.7, 0.5]))
    assert figures["correlation"]["description"] == "mean over sites"


def written(folder, name, *options):
    path = folder.parent / name
    done = run("scores", "--results", folder, "--output", path, *options)
    assert done.exit_code == 0, done.stderr
    return path


def test_a_row_a_site_has_its_pooled_values_and_all_labels(folder):
    table = itbench.to_dataframe(itbench.load_scores(folder), rows="sites").set_index(["model", "site"])
    assert len(table) == 10  # none of the comparison
    expected = explained_variance(RECORDED, PREDICTED)
    found = table.loc["a, b", "explained_variance"]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert list(found.isna()) == [False] * 4 + [True]
    assert list(table.loc["a, b", "ceiling"].isna()) == [False, False, False, True, False]
    assert set(table["benchmark"]) == {"toy"}
    assert set(table["option.components"]) == {"1000"}
    assert list(table.loc["net", "option.alpha"]) == ["3"] * 5


def test_a_row_a_score_has_its_headline_and_setup(folder):
    rows = score_table(itbench.load_scores(folder))
    assert [(row["model"], row["metric"]) for row in rows] == [("a, b", "ridge"), ("net", "cka"), ("net", "ridge")]
    assert rows[0]["value"] == pytest.approx(np.nanmean(explained_variance(RECORDED, PREDICTED)), rel=1e-12)
    assert rows[1]["value"] == pytest.approx(0.7 / 3)
    assert rows[1]["correlation"] is None
    assert len({tuple(row) for row in rows}) == 1
    assert json.loads(rows[0]["splits"]) == {"folds": 4, "kind": "kfold", "seed": 0}
    assert (rows[0]["precision"], rows[0]["stimuli_digest"]) == ("float32", "1" * 64)
    assert [row["options_given"] for row in rows] == ["{}", "{}", '{"alpha":"3"}']


def test_a_row_a_layer_counts_how_often_it_was_chosen(folder):
    table = itbench.to_dataframe(itbench.load_scores(folder), rows="layers")
    counts = table.set_index(["model", "metric", "layer"])["times_chosen"]
    assert dict(counts.loc["net", "ridge"]) == {"early": 0, "late": 4}
    assert counts.loc["net", "cka", "late"] == 3


def test_one_score_without_rows_is_a_row_a_layer(folder):
    frame = itbench.to_dataframe(itbench.load_scores(folder)[0])
    assert list(frame.index) == ["early", "late"]
    assert frame.attrs["model"] == "a, b"


@pytest.mark.slow
@pytest.mark.parametrize("rows", ["scores", "layers", "sites"])
def test_files_hold_exact_numbers(rows, folder):
    """Every float64 comes back from CSV, JSON and Parquet as it was."""
    table = itbench.to_dataframe(itbench.load_scores(folder), rows=rows)
    read = {
        "csv": pd.read_csv(written(folder, "t.csv", "--rows", rows), dtype=str, keep_default_na=False),
        "json": pd.DataFrame(json.loads(written(folder, "t.json", "--rows", rows).read_text())),
        "parquet": pd.read_parquet(written(folder, "t.parquet", "--rows", rows)),
    }
    for form, frame in read.items():
        assert list(frame.columns) == list(table.columns), form
        for name in table.columns:
            if pd.api.types.is_numeric_dtype(table[name]):
                same = [np.nan if value in ("", None) else float(value) for value in frame[name]]
                assert np.array_equal(same, table[name].astype(float).to_numpy(), equal_nan=True), (form, name)
            else:
                assert list(frame[name].fillna("").astype(str)) == list(table[name].fillna("").astype(str)), (
                    form,
                    name,
                )


def test_parquet_without_pyarrow_says_what_to_install(folder, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "pyarrow" else find(name, *more)
    )
    done = run("scores", "--results", folder, "--output", folder / "t.parquet")
    assert done.exit_code == 1
    assert "pip install 'itbench[parquet]'" in done.stderr
    assert not list(folder.glob("*parquet*"))


def nodes(value):
    """Yield every object of JSON-LD that has a type."""
    if isinstance(value, dict):
        if "@type" in value:
            yield value
        for inner in value.values():
            yield from nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from nodes(inner)


def test_json_ld_is_of_schema_org_and_needs_no_network(folder):
    described = json.loads(written(folder, "scores.jsonld", "--creator", "Our lab").read_text())
    assert described.pop("@context") == {"@vocab": "https://schema.org/"}
    for node in nodes(described):
        assert set(node) - {"@type"} <= SCHEMA[node["@type"]], node
    assert described["creator"] == {"name": "Our lab"}
    part = described["hasPart"][0]
    file = folder / part["distribution"]["contentUrl"]
    assert part["distribution"]["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert part["dateCreated"] == "2026-01-02T03:04:05+00:00"
    headline = part["variableMeasured"][0]
    low, value, high = (headline[key] for key in ("minValue", "value", "maxValue"))
    assert low < value < high
    assert value == np.float64(itbench.summary(itbench.load_score(file))["value"])
    assert "components=1000" in part["measurementTechnique"]
    assert {"https://doi.org/10.1080/00401706.1970.10488634"} <= {
        one.get("identifier") for one in described["citation"]
    }
    unsigned = run("scores", "--results", folder, "--output", folder / "x.jsonld")
    assert "names no creator" in unsigned.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--output", "t.xlsx"), "Known endings: .csv, .json, .parquet, .jsonld"),
        (("--output", "t"), "Known endings"),
        (("--output", "t.jsonld", "--rows", "sites"), "one part a score"),
        (("--output", "t.csv", "--creator", "us"), "--creator is for JSON-LD"),
        (("--output", "t.csv", "-b", "nowhere"), "unknown benchmark 'nowhere'"),
        (("nett",), "Did you mean net"),
        (("--metric", "cka", "--rows", "sites"), "None of the scores has values by site"),
    ],
)
def test_bad_requests_are_one_error_and_write_nothing(arguments, says, folder):
    done = run("scores", *arguments, "--results", folder)
    assert done.exit_code == 1
    assert says in done.stderr
    assert not [path for path in folder.parent.glob("work/*") if path.is_file()]


def test_names_select_scores(folder):
    shown = json.loads(run("scores", "net", "--results", folder, "--json").stdout)
    assert [row["metric"] for row in shown] == ["cka", "ridge"]
    path = next(folder.glob("net*ridge*.nc"))
    assert [row["score"] for row in json.loads(run("scores", path, path, "--json").stdout)] == [path.stem]
    assert "Make some" in run("scores").stdout


def test_other_rows_are_refused():
    with pytest.raises(UnknownName, match="scores"):
        score_table([], "score")
    with pytest.raises(BadOption, match="by site"):
        itbench.to_dataframe(comparison_score([0.1, 0.2, 0.4]), rows="sites")
