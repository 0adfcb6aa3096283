"""The leaderboard: a pure function of a folder of scores."""

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from itbench.errors import ItbenchWarning, UnknownName
from itbench.results.leaderboard import KEYS, compile_leaderboard
from itbench.results.leaderboard_formats import render
from itbench.results.score_file import read_score, write_score
from itbench.results.summary import summary
from itbench.statistics.bootstrap import percentile_interval
from tests.kit.commands import run
from tests.kit.scores import MEASURES, comparison_score, readout_score, small_score

SETUP = {
    "digests": {"stimuli": "0123456789abcdef", "responses": "0123456789abcdef"},
    "splits": {"kind": "kfold", "folds": 5, "seed": 0, "stratify": None},
    "options": {"given": {}, "defaulted": {}},
    "precision": "float32",
    "layers": "candidates",
    "seconds": {},
}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "scores"


def put(
    folder, model, ev, benchmark="b", metric="ridge", weights="pretrained", skipped=0, stem="", drawn=True, **setup
):
    """Write a score whose explained variance is `ev` at every site, and whose draws lie close to that."""
    score = small_score(
        model=model,
        weights=weights,
        benchmark=benchmark,
        metric=metric,
        file_stem=stem or f"{model}--{weights}--{benchmark}--{metric}",
        n_sites_scored=3 - skipped,
        provenance=json.dumps({**SETUP, **setup}),
    )
    for name in MEASURES:
        score[name][:] = ev
        score[name][:, :, :skipped] = np.nan
    if drawn:
        draws = ev + 1e-4 * np.random.default_rng(len(stem or model)).standard_normal((1, 200))
        score = score.assign(draws=(("measure", "draw"), draws)).assign_coords(measure=["explained_variance"])
    return write_score(score, folder)


def fail(folder, model, benchmark="b", said="no route to host", **more):
    folder.mkdir(exist_ok=True)
    names = {"model": model, "weights": "pretrained", "benchmark": benchmark, "metric": "ridge"}
    path = folder / f"{model}--pretrained--{benchmark}--ridge.failed.json"
    path.write_text(json.dumps({**names, "failed": said, **more}))
    return path


def rows_of(folder, *benchmarks, every=False):
    """Return (benchmark, rank, model, EV, note) of every row."""
    return [
        (
            row["benchmark"],
            row["rank"],
            row["model"],
            row["EV"] if row["EV"] is None else round(row["EV"], 9),
            row["note"],
        )
        for row in compile_leaderboard(folder, benchmarks, every)
    ]


@pytest.mark.slow
def test_ranks_by_explained_variance_within_benchmark_and_metric(folder):
    for model, ev, benchmark, metric in [
        ("low", 0.1, "b", "ridge"),
        ("high", 0.5, "b", "ridge"),
        ("negative", -0.2, "b", "ridge"),
        ("low", 0.9, "b", "pls"),
        ("high", 0.2, "b", "pls"),
        ("negative", 0.0, "b", "pls"),
    ]:
        put(folder, model, ev, benchmark, metric)
    rows = compile_leaderboard(folder)
    assert [(row["metric"], row["rank"], row["model"], round(row["EV"], 9)) for row in rows] == [
        ("pls", "1", "low", 0.9),
        ("pls", "2", "high", 0.2),
        ("pls", "3", "negative", 0.0),
        ("ridge", "1", "high", 0.5),
        ("ridge", "2", "low", 0.1),
        ("ridge", "3", "negative", -0.2),
    ]


@pytest.mark.slow
def test_a_model_never_run_on_a_benchmark_is_no_zero_and_listed_where_all_are(folder):
    put(folder, "everywhere", 0.5, "a")
    put(folder, "everywhere", -0.1, "b")
    put(folder, "once", 0.4, "a")
    run_before = [("a", "1", "everywhere", 0.5, ""), ("a", "2", "once", 0.4, ""), ("b", "1", "everywhere", -0.1, "")]
    assert rows_of(folder) == run_before
    assert rows_of(folder, every=True) == [*run_before, ("b", None, "once", None, "not run")]
    shown = run("leaderboard", "--results", folder, "--all").stdout
    (line,) = [line for line in shown[shown.index("## a · ridge") :].splitlines() if "not run" in line]
    assert [cell.strip() for cell in line.strip("|").split("|")] == ["–", "once", "pretrained", *"–––––", "not run"]


@pytest.mark.parametrize(
    ("failed", "scored", "shown"),
    [
        ({}, {}, False),  # of former versions
        ({"date": "2026-01-02T10:00:00+0000"}, {"date": "2026-01-02T10:30:00+0100"}, True),
        ({"date": "2026-01-02T10:00:00+0000"}, {"date": "2026-01-02T09:30:00-0100"}, False),
        ({"date": "2026-01-02T10:00:00+0000"}, {}, True),
    ],
    ids=["no dates", "failed later", "scored later", "one date"],
)
def test_a_failure_is_not_shown_beside_a_later_score(failed, scored, shown, folder):
    """Also where the score was copied into the folder, so that nothing removed the record."""
    put(folder, "net", 0.5, **scored)
    fail(folder, "net", **failed)
    notes = ["", "failed: no route to host"] if shown else [""]
    assert [row[4] for row in rows_of(folder)] == notes


def test_a_model_that_failed_is_no_zero(folder):
    put(folder, "fine", 0.5)
    fail(folder, "broken")
    assert rows_of(folder) == [
        ("b", "1", "fine", 0.5, ""),
        ("b", None, "broken", None, "failed: no route to host"),
    ]
    assert "0.000" not in render(compile_leaderboard(folder))


def test_a_score_of_no_site_is_no_zero(folder):
    put(folder, "fine", 0.5)
    put(folder, "empty", 0.5, skipped=3)
    assert rows_of(folder)[1] == ("b", None, "empty", None, "no value: no site scored")


def test_weights_of_one_model_are_rows_of_their_own(folder):
    put(folder, "net", 0.5)
    put(folder, "net", 0.1, weights="random-0")
    rows = compile_leaderboard(folder)
    assert [(row["weights"], row["rank"]) for row in rows] == [("pretrained", "1"), ("random-0", "2")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("setup", "says"),
    [
        ({"options": {"given": {"components": "5"}, "defaulted": {}}}, "components: 5"),
        ({"digests": {"stimuli": "0123456789abcdef", "responses": "fedcba98765432"}}, "recordings: 01234567 fedcba98"),
        ({"splits": {**SETUP["splits"], "seed": 7}}, "splits: kind=kfold folds=5 seed=7"),
        ({"precision": "bfloat16"}, "precision: bfloat16"),
        ({"layers": "named"}, "layers: named"),
        ({"skipped": 1}, "sites: 2"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_rows_that_were_not_scored_alike_say_so(setup, says, folder):
    put(folder, "one", 0.3)
    put(folder, "two", 0.2)
    put(folder, "odd", 0.9, **setup)
    rows = compile_leaderboard(folder)
    assert [(row["rank"], row["model"], row["note"]) for row in rows] == [
        ("1", "one", ""),
        ("2", "two", ""),
        (None, "odd", f"not comparable: {says}"),
    ]
    assert rows[2]["EV"] == rows[2]["value"] == pytest.approx(0.9)
    assert says in render(rows)


def test_sites_that_were_skipped_are_counted(folder):
    put(folder, "one", 0.3, skipped=1)
    assert compile_leaderboard(folder)[0]["sites"] == "2/3"


def test_a_layer_chosen_by_some_splits_says_by_how_many(folder):
    put(folder, "one", 0.3)
    assert compile_leaderboard(folder)[0]["layer"] == "late (2/3)"


def test_a_damaged_score_is_named_and_left_out(folder):
    put(folder, "fine", 0.5)
    damaged = put(folder, "damaged", 0.9)
    damaged.write_bytes(damaged.read_bytes()[:-5])
    foreign = folder / "foreign.nc"
    foreign.write_text("not netCDF")
    with pytest.warns(ItbenchWarning) as caught:
        rows = rows_of(folder)
    assert rows == [("b", "1", "fine", 0.5, "")]
    assert [path for path in (damaged, foreign) if any(str(path) in str(item.message) for item in caught)] == [
        damaged,
        foreign,
    ]
    shown = run("leaderboard", "--results", folder)
    assert shown.exit_code == 0
    assert f"Warning: The score {damaged}" in shown.stderr
    assert "Warning" not in shown.stdout


def test_a_damaged_record_of_a_failure_is_named_and_left_out(folder):
    put(folder, "fine", 0.5)
    record = fail(folder, "broken")
    for text in ("", "[]", "{}", '{"model": "x"}'):
        record.write_text(text)
        with pytest.warns(ItbenchWarning, match=record.name):
            assert rows_of(folder) == [("b", "1", "fine", 0.5, "")]


def test_markdown_is_one_aligned_table_a_benchmark(folder):
    put(folder, "a|b", 0.5, "first")
    put(folder, "much-longer-name", 0.25, "first")
    put(folder, "a|b", 0.5, "second")
    lines = render(compile_leaderboard(folder)).splitlines()
    assert [line for line in lines if line.startswith("## ")] == ["## first · ridge", "## second · ridge"]
    table = lines[2 : lines.index("", 2)]
    assert len({len(line) for line in table}) == 1
    assert [cell.strip() for cell in table[0].strip("|").split("|")] == [
        *("rank", "model", "weights", "layer", "EV", "95 %", "correlation", "sites")
    ]
    assert "a\\|b" in table[2]
    assert " 0.500 |" in table[2]


def test_csv_and_json_hold_the_same_rows(folder):
    put(folder, "one, two", 1 / 3)
    fail(folder, "broken", said='it said "no", twice')
    rows = compile_leaderboard(folder)
    from_csv = list(csv.DictReader(io.StringIO(render(rows, "csv"))))
    from_json = json.loads(render(rows, "json"))
    assert [row["model"] for row in from_csv] == [row["model"] for row in from_json] == ["one, two", "broken"]
    assert float(from_csv[0]["EV"]) == from_json[0]["EV"] == pytest.approx(1 / 3)
    assert from_csv[1]["EV"] == ""
    assert from_csv[1]["note"] == from_json[1]["note"] == 'failed: it said "no", twice'


def test_every_row_has_every_key(folder):
    put(folder, "one", 0.5, "a")
    put(folder, "two", 0.5, "b")
    fail(folder, "broken")
    keys = {tuple(row) for row in json.loads(render(compile_leaderboard(folder), "json"))}
    assert keys == {KEYS}


@pytest.mark.slow
def test_the_order_of_files_does_not_matter(folder, tmp_path):
    for number, model in enumerate(("x", "y", "z")):
        put(folder, model, 0.1 * number, stem=f"{number}")
    for number, model in enumerate(("x", "y", "z")):
        put(tmp_path / "other", model, 0.1 * number, stem=f"{9 - number}")
    assert compile_leaderboard(folder) == compile_leaderboard(tmp_path / "other")


def test_only_the_benchmarks_asked_for(folder):
    put(folder, "one", 0.5, "alpha")
    put(folder, "two", 0.4, "beta")
    assert rows_of(folder, "beta") == [("beta", "1", "two", 0.4, "")]


def test_an_unknown_benchmark_gives_the_nearest(folder):
    put(folder, "one", 0.5, "synthetic-it")
    with pytest.raises(UnknownName, match="Did you mean synthetic-it"):
        compile_leaderboard(folder, ["syntetic-it"])
    shown = run("leaderboard", "--results", folder, "-b", "syntetic-it")
    assert shown.exit_code == 1
    assert "Did you mean synthetic-it?" in shown.stderr
    assert "itbench score" in shown.stderr


def test_no_scores_yet(folder):
    folder.mkdir()
    shown = run("leaderboard", "--results", folder)
    assert shown.exit_code == 0
    assert "No scores yet" in shown.stdout
    assert "itbench score -m" in shown.stdout
    assert json.loads(run("leaderboard", "--results", folder, "--json").stdout) == []
    assert run("leaderboard").stdout == shown.stdout


def test_a_folder_that_was_mistyped_is_an_error(folder):
    shown = run("leaderboard", "--results", folder)
    assert shown.exit_code == 1
    assert str(folder) in shown.stderr


@pytest.mark.parametrize("form", ["markdown", "csv", "json"])
def test_output_is_what_would_be_printed(form, folder, tmp_path):
    put(folder, "one", 0.5)
    printed = run("leaderboard", "--results", folder, "--format", form)
    written = run("leaderboard", "--results", folder, "--format", form, "--output", tmp_path / "new" / "board")
    assert written.exit_code == 0
    assert written.stdout == ""
    assert (tmp_path / "new" / "board").read_text() == printed.stdout
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["board"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options", "form"),
    [
        ("board.csv", (), "csv"),
        ("board.JSON", (), "json"),
        ("board.md", (), "markdown"),
        ("board.txt", (), "markdown"),
        ("board.csv", ("--format", "csv"), "csv"),
        ("board.json", ("--json",), "json"),
        ("board.txt", ("--format", "csv"), "csv"),
    ],
)
def test_the_ending_of_the_output_says_its_form(name, options, form, folder, tmp_path):
    put(folder, "one", 0.5)
    assert run("leaderboard", "--results", folder, "--output", tmp_path / name, *options).exit_code == 0
    assert (tmp_path / name).read_text() == render(compile_leaderboard(folder), form) + "\n"


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("board.csv", ("--format", "json"), "board.json"),
        ("board.csv", ("--json",), "board.json"),
        ("board.json", ("--format", "markdown"), "board.md"),
        ("board.txt", ("--format", "csv", "--json"), "--json and --format csv"),
    ],
)
def test_a_form_that_contradicts_the_ending_is_an_error(name, options, says, folder, tmp_path):
    put(folder, "one", 0.5)
    shown = run("leaderboard", "--results", folder, "--output", tmp_path / name, *options)
    assert shown.exit_code == 1
    assert says in shown.stderr
    assert not (tmp_path / name).exists()


def test_output_is_written_whole_or_not_at_all(folder, tmp_path, monkeypatch):
    put(folder, "one", 0.5)
    board = tmp_path / "boards" / "board.md"
    assert run("leaderboard", "--results", folder, "--output", board).exit_code == 0
    former = board.read_text()

    def full(self, text, **how):
        self.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    shown = run("leaderboard", "--results", folder, "--output", board)
    assert shown.exit_code == 1
    assert "No space left" in shown.stderr
    assert board.read_text() == former
    assert [path.name for path in board.parent.iterdir()] == ["board.md"]


def board(*arguments):
    return [(row["model"], row["note"]) for row in json.loads(run("leaderboard", "--json", *arguments).stdout)]


@pytest.mark.slow
@pytest.mark.parametrize("later", [(), ("-l", "first"), ("-o", "components=5")], ids=["same", "layer", "option"])
def test_a_failure_is_on_record_until_a_later_success(later, toy, tmp_path, monkeypatch):
    def spoilt(*arguments):
        raise OSError("the cable is out")

    with monkeypatch.context() as patch:
        patch.setattr("itbench.models.network.Network.activations", spoilt)
        assert run("score", "-m", "toy-net", "-b", toy, "--weights", "random", "-o", "components=7").exit_code == 1
    assert board() == [("toy-net", "failed: OSError: the cable is out")]
    assert run("score", "-m", "toy-net", "-b", toy, "--weights", "random", *later).exit_code == 0
    assert board() == [("toy-net", "")]


def test_a_failure_is_recorded_once(toy):
    for option in ("components=5", "components=6"):
        assert run("score", "-m", "toy-net", "-b", toy, "-o", option).exit_code == 1
    ((model, note),) = board()
    assert model == "toy-net"
    assert "pretrained weights of toy-net are not available" in note


@pytest.mark.slow
def test_what_was_mistyped_is_no_failure_of_the_model(toy):
    assert run("score", "-m", "toy", "-b", toy).exit_code == 0
    for mistake in (("-l", "godo"), ("--precision", "bfloat16")):
        assert run("score", "-m", "toy", "-b", toy, *mistake).exit_code == 1
    assert board() == [("toy", "")]


@pytest.mark.slow
def test_real_scores_make_a_leaderboard(toy, tmp_path):
    assert run("score", "-m", "toy", "-m", "pixels", "-b", toy).exit_code == 0
    rows = json.loads(run("leaderboard", "--json").stdout)
    assert [(row["rank"], row["model"], row["weights"]) for row in rows] == [
        ("1", "toy", "none"),
        ("2", "pixels", "none"),
    ]
    assert rows[0]["EV"] > rows[1]["EV"]
    shutil.move(tmp_path / "work" / "leaderboard" / "scores", tmp_path / "moved")
    assert json.loads(run("leaderboard", "--json", "--results", tmp_path / "moved").stdout) == rows


RECORDED = np.random.default_rng(0).standard_normal((80, 5))


def put_predictions(folder, model, noise, seed=0, **how):
    """Write a score of predictions with so much noise."""
    predicted = RECORDED + noise * np.random.default_rng(100 + seed).standard_normal(RECORDED.shape)
    return write_score(readout_score(RECORDED, predicted, model=model, benchmark="b", **how), folder)


def cells(text):
    """Return the lines of a markdown table as cells, without its rule."""
    lines = [[cell.strip() for cell in line[2:-2].split(" | ")] for line in text.splitlines() if line.startswith("|")]
    return [lines[0], *lines[2:]]


@pytest.mark.slow
def test_models_that_cannot_be_told_apart_share_a_rank(folder):
    put_predictions(folder, "best", 0.1)
    put_predictions(folder, "good", 0.5, seed=1)
    put_predictions(folder, "twin", 0.5, seed=2)
    put_predictions(folder, "bad", 1.5)
    rows = compile_leaderboard(folder)
    assert [row["rank"] for row in rows] == ["1", "2–3", "2–3", "4"]
    assert [(row["rank_low"], row["rank_high"]) for row in rows] == [(1, 1), (2, 3), (2, 3), (4, 4)]
    assert (rows[0]["model"], rows[3]["model"]) == ("best", "bad")
    assert rows[1]["value"] > rows[2]["value"]


def test_the_headline_comes_with_its_interval(folder):
    path = put_predictions(folder, "net", 0.5)
    low, high = percentile_interval(xr.load_dataset(path, engine="h5netcdf")["draws"].values[0])
    (row,) = compile_leaderboard(folder)
    assert (row["low"], row["high"]) == (low, high)
    assert low < row["value"] == row["EV"] < high
    header, line = cells(render([row]))
    assert header == ["rank", "model", "weights", "layer", "EV", "95 %", "correlation", "sites"]
    assert line[5] == f"{low:.3f}–{high:.3f}"
    put_predictions(folder, "net", 2)
    assert " to " in cells(render(compile_leaderboard(folder)))[1][5]  # a range of negative numbers needs a word


def test_a_score_without_draws_has_no_interval_and_is_told_apart_from_no_other(folder):
    put_predictions(folder, "new", 0.5)
    put_predictions(folder, "old", 1.0, n_draws=0, keep=False)
    rows = compile_leaderboard(folder)
    assert [(row["model"], row["rank"], row["low"] is None) for row in rows] == [
        ("new", "1–2", False),
        ("old", "1–2", True),
    ]
    assert cells(render(rows))[2][5] == "–"


def by_earlier_rules(path):
    """Write a score again as files without an edition are: whose values were means over splits."""
    score = read_score(path).drop_vars(["sst", "ssp"])
    del score.attrs["edition"]
    return write_score(score, path.parent)


@pytest.mark.slow
def test_scores_by_earlier_rules_are_read_and_stand_below_without_a_rank(folder):
    """Although they are the most, and have the largest values."""
    for model, ev in (("old", 0.9), ("older", 0.8), ("oldest", 0.7)):
        by_earlier_rules(put(folder, model, ev))
    put(folder, "new", 0.3)
    put(folder, "other", 0.2, precision="float16")
    put(folder, "third", 0.1)
    assert rows_of(folder) == [
        ("b", "1", "new", 0.3, ""),
        ("b", "2", "third", 0.1, ""),
        *(("b", None, model, ev, "scored by earlier rules") for model, ev in (("old", 0.9), ("older", 0.8))),
        ("b", None, "oldest", 0.7, "scored by earlier rules"),
        ("b", None, "other", 0.2, "not comparable: precision: float16"),
    ]


def test_a_score_by_earlier_rules_keeps_its_mean_over_splits(folder):
    score = small_score(benchmark="b", provenance=json.dumps(SETUP))
    score = read_score(by_earlier_rules(write_score(score, folder)))
    chosen = score.explained_variance.values[[0, 1, 2], [0, 1, 1]]
    assert summary(score)["explained_variance"] == pytest.approx(chosen.mean())
    assert summary(score)["edition"] == 1


def test_draws_without_a_value_give_a_value_and_no_interval(folder):
    score = readout_score(RECORDED[:8], 0.9 * RECORDED[:8], benchmark="b")
    write_score(score.assign(draws=score.draws.where(score.draw > 300)), folder)
    (row,) = json.loads(run("leaderboard", "--results", folder, "--json").stdout)
    assert row["value"] == pytest.approx(0.99)
    assert (row["low"], row["high"], row["rank"]) == (None, None, "1")


def test_what_is_corrected_is_shown_where_there_is_a_ceiling(folder):
    put_predictions(folder, "net", 0.5, ceiling=np.full(5, 0.8))
    put(folder, "old", 0.1)
    rows = compile_leaderboard(folder)
    assert rows[0]["EV/ceiling"] == pytest.approx(rows[0]["EV"] / 0.8)
    header, line, _ = cells(render(rows))
    assert line[header.index("EV/ceiling")] == f"{rows[0]['EV'] / 0.8:.3f}"


@pytest.mark.parametrize(("measure", "label"), [("cka", "CKA"), ("rsa", "RSA"), ("own-measure", "own-measure")])
def test_a_comparison_is_ranked_by_its_own_measure(measure, label, folder):
    rng = np.random.default_rng(0)
    for model, value in (("good", 0.5), ("bad", 0.2)):
        without = value + 0.001 * rng.standard_normal(40)
        write_score(comparison_score(without, model=model, metric=measure, benchmark="b"), folder)
    rows = compile_leaderboard(folder)
    assert [(row["rank"], row["model"], row["measure"], row["EV"]) for row in rows] == [
        ("1", "good", measure, None),
        ("2", "bad", measure, None),
    ]
    header, line, _ = cells(render(rows))
    assert header == ["rank", "model", "weights", "layer", label, "95 %", "sites"]
    assert float(line[4]) == pytest.approx(0.5, abs=0.01)


def test_brainscore_is_ranked_by_and_explained_variance_stands_beside_it(folder):
    put_predictions(folder, "net", 0.5, ceiling=np.full(5, 0.8), metric="brainscore", measure="brainscore")
    rows = compile_leaderboard(folder)
    header, line = cells(render(rows))
    assert header[4:9] == ["Brain-Score", "95 %", "EV", "EV/ceiling", "correlation"]
    assert line[4] == f"{rows[0]['value']:.3f}" != line[6] == f"{rows[0]['EV']:.3f}"


@pytest.mark.slow
def test_baselines_stand_in_their_place_without_a_rank(folder):
    put_predictions(folder, "good", 0.3)
    put_predictions(folder, "bad", 1.0)
    put_predictions(folder, "pixels", 0.6, weights="none", baseline="pixels", layers="named")
    put_predictions(folder, "other-animals", 0.1, weights="none", baseline="animals")
    put_predictions(folder, "ceiling", 0.2, weights="none", baseline="ceiling", splits={"kind": "none"}, n_draws=0)
    put(folder, "elsewhere", 0.5, "a")
    rows = [row for row in compile_leaderboard(folder, every=True) if row["benchmark"] == "b"]
    assert [(row["rank"], row["model"], row["note"]) for row in rows] == [
        (None, "ceiling", "baseline: ceiling"),
        (None, "other-animals", "baseline: animals"),
        ("1", "good", ""),
        (None, "pixels", "baseline: pixels"),
        ("2", "bad", ""),
        (None, "elsewhere", "not run"),
    ]
    assert [line[:2] for line in cells(render(rows))[1:5]] == [
        ["–", "*ceiling*"],
        ["–", "*other-animals*"],
        ["1", "good"],
        ["–", "*pixels*"],
    ]
    every = compile_leaderboard(folder, every=True)
    absent = [row["model"] for row in every if row["benchmark"] == "a" and row["note"]]
    assert absent == ["bad", "good"]


def test_a_baseline_of_another_task_is_not_comparable(folder):
    put_predictions(folder, "one", 0.3)
    put_predictions(folder, "pixels", 0.1, baseline="pixels", splits={"kind": "kfold", "folds": 9})
    assert rows_of(folder)[1][2:] == (
        *("pixels", pytest.approx(0.99, abs=0.01)),
        "baseline: pixels; not comparable: splits: kind=kfold folds=9",
    )


def test_csv_holds_plain_numbers(folder):
    put_predictions(folder, "good", 0.5, seed=1)
    put_predictions(folder, "twin", 0.5, seed=2)
    first, _ = csv.DictReader(io.StringIO(render(compile_leaderboard(folder), "csv")))
    assert list(first) == list(KEYS)
    assert float(first["low"]) < float(first["value"]) == float(first["EV"]) < float(first["high"])
    assert (first["rank"], first["rank_low"], first["rank_high"]) == ("1–2", "1", "2")


def put_learner(folder, ev, stem="", **asked):
    """Write the predictions of a model that learns, which stand beside ridge."""
    path = put(folder, "cnn", ev, metric="direct", weights="trained-0", stem=stem, asked=asked)
    score = read_score(path).assign_attrs(beside="ridge")
    return write_score(score, folder)


def test_predictions_models_that_learn_stand_in_the_table_of_the_benchmarks_metric(folder):
    put(folder, "net", 0.3)
    put_learner(folder, 0.4)
    rows = compile_leaderboard(folder)
    assert [(row["table"], row["metric"], row["model"], row["rank"]) for row in rows] == [
        ("ridge", "direct", "cnn", "1"),
        ("ridge", "ridge", "net", "2"),
    ]
    assert render(rows).count("##") == 1


@pytest.mark.slow
def test_a_changed_recipe_is_noted_and_does_not_keep_a_model_from_its_rank(folder):
    put(folder, "net", 0.3)
    put_learner(folder, 0.4, recipe={"epochs": 3, "augment": ["flip"]})
    put_learner(folder, 0.2, stem="tuned", tuned=True)
    notes = [(row["rank"], row["model"], row["note"]) for row in compile_leaderboard(folder)]
    assert notes == [("1", "cnn", 'epochs=3, augment=["flip"]'), ("2", "net", ""), ("3", "cnn", "tuned")]


def test_the_failure_of_a_model_that_learns_stands_there_too(folder):
    put(folder, "net", 0.3)
    path = fail(folder, "cnn")
    path.write_text(json.dumps({**json.loads(path.read_text()), "metric": "direct", "beside": "ridge"}))
    rows = compile_leaderboard(folder)
    assert [(row["table"], row["model"]) for row in rows] == [("ridge", "net"), ("ridge", "cnn")]
    assert rows[1]["note"] == "failed: no route to host"


@pytest.mark.parametrize("seeded", [False, True])
def test_two_files_of_the_same_score_are_one_row_the_newest(seeded, folder):
    weights = "random-0" if seeded else "pretrained"
    put_predictions(folder, "other", 0.3)
    put_predictions(folder, "twice", 0.9, weights=weights, stem="b", date="2026-01-02T08:00:00+0000")
    put_predictions(folder, "twice", 0.5, weights=weights, stem="a", date="2026-01-02T09:00:00+0100", seed=1)
    put_predictions(folder, "twice", 0.6, weights=weights, stem="c", date="2026-01-02T08:30:00+0000", seed=2)
    rows = compile_leaderboard(folder)
    assert [(row["rank"], row["model"], row["weights"], row["note"]) for row in rows] == [
        ("1", "other", "pretrained", ""),
        ("2", "twice", weights, ""),
    ]
    predicted = RECORDED + 0.6 * np.random.default_rng(102).standard_normal(RECORDED.shape)
    fold = np.arange(len(RECORDED)) % 4
    rss = sum(
        np.square(e - e.mean(axis=0)).sum(axis=0)
        for e in (RECORDED[fold == f] - predicted[fold == f] for f in range(4))
    )
    tss = sum(np.square(y - y.mean(axis=0)).sum(axis=0) for y in (RECORDED[fold == f] for f in range(4)))
    assert rows[1]["EV"] == pytest.approx((1 - rss / tss).mean(), rel=1e-5)
    assert csv_of(rows) == 2


def csv_of(rows):
    return len(list(csv.DictReader(io.StringIO(render(rows, "csv")))))


def test_rows_of_equal_model_and_weights_say_in_what_they_differ(folder):
    digests = {"stimuli": "1" * 64, "responses": "2" * 64, "content": "3" * 64}
    for stem, digest in (("a", "a" * 64), ("b", "b" * 64)):
        put_predictions(folder, "net", 0.5, stem=stem, digests={**digests, "weights": digest})
    notes = sorted(row["note"] for row in compile_leaderboard(folder))
    assert notes == [f"digest of the weights: {letter * 8}" for letter in "ab"]
