"""A score in figures: means over sites at the chosen layers, ceilings, intervals, and never a mean of nothing."""

import json

import numpy as np
import pytest
import xarray as xr

from itbench.results.score_variables import chosen_layers, pooled
from itbench.results.summary import brainscore, interval_text, summary
from tests.kit.scores import MEASURES, small_score


def test_summary_takes_each_split_at_the_layer_it_chose():
    score = small_score()
    ev = score["explained_variance"].values
    chosen = np.stack([ev[0, 0], ev[1, 1], ev[2, 1]])  # (split, site)
    found = summary(score)
    sst = score["sst"].values
    of_sites = 1 - ((1 - chosen) * sst).sum(axis=0) / sst.sum(axis=0)  # Σ SSR / Σ SST
    np.testing.assert_allclose(pooled(score, "explained_variance", chosen=True), of_sites)
    assert found["explained_variance"] == pytest.approx(of_sites.mean())
    assert found["explained_variance_median"] == pytest.approx(np.median(of_sites))
    assert (found["layer"], found["layers_chosen"]) == ("late", {"late": 2, "early": 1})
    assert found["layers"][0]["explained_variance"] == pytest.approx(
        ((ev[:, 0] * sst).sum(axis=0) / sst.sum(axis=0)).mean()
    )
    assert [layer["n_features"] for layer in found["layers"]] == [10, 20]
    assert found["seconds"] == 0.75


def test_layers_chosen_equally_often_rank_by_inner_explained_variance():
    score = small_score().isel(split=[0, 1])
    for best in ("early", "late"):
        score["inner_explained_variance"].loc[{"layer": best}] = 2.0
        assert next(iter(chosen_layers(score))) == best
        score["inner_explained_variance"].loc[{"layer": best}] = 0.0


def test_summary_skips_sites_that_were_not_scored():
    score = small_score(n_sites_scored=2)
    for name in MEASURES:
        score[name].loc[{"site": "b"}] = np.nan
    found = summary(score)
    rest = summary(score.sel(site=["a", "c"]))
    for key in ("explained_variance", "correlation", "explained_variance_median", "layers"):
        assert found[key] == rest[key] is not None
    assert (found["n_sites"], found["n_sites_scored"]) == (3, 2)


def test_no_mean_of_nothing():
    score = small_score(n_sites_scored=0)
    for name in MEASURES:
        score[name][:] = np.nan
    found = summary(score)
    for key in ("explained_variance", "correlation", "explained_variance_median", "correlation_median"):
        assert found[key] is None
    assert (found["value"], found["oracle_layer"], found["gap_to_oracle"]) == (None, None, None)
    assert found["layers"][0]["inner_explained_variance"] is None
    assert "NaN" not in json.dumps(found)


def test_the_gap_is_what_the_best_layer_on_held_out_images_would_have_added():
    score = small_score()
    ev, sst = score["explained_variance"].values, score["sst"].values[:, None]
    by_layer = ((ev * sst).sum(axis=0) / sst.sum(axis=0)).mean(axis=1)
    found = summary(score)
    assert found["oracle_layer"] == ["early", "late"][int(by_layer.argmax())]
    assert found["gap_to_oracle"] == pytest.approx(by_layer.max() - found["explained_variance"])


def with_ceiling(*ceiling):
    return small_score().assign(ceiling=("site", np.array(ceiling)))


def test_a_corrected_value_is_a_ratio_of_sums_over_all_sites_and_never_clipped():
    score = with_ceiling(0.5, 0.01, -0.2)
    found = summary(score)
    assert found["explained_variance_corrected"] == pytest.approx(3 * found["explained_variance"] / 0.31)
    assert found["explained_variance_corrected"] > 1
    assert found["n_sites_corrected"] == 3
    assert found["ceiling"] == pytest.approx(0.01)
    rest = summary(with_ceiling(0.5, np.nan, 0.2))
    ev = pooled(score, "explained_variance", chosen=True).values
    assert rest["explained_variance_corrected"] == pytest.approx((ev[0] + ev[2]) / 0.7)
    assert rest["n_sites_corrected"] == 2


def test_brainscore_is_the_square_of_the_median_correlation_over_the_median_ceiling():
    score = with_ceiling(0.5, 0.8, 0.9)
    r = score["correlation"].values
    per_split = [np.median(r[0, 0]), np.median(r[1, 1]), np.median(r[2, 1])]  # at the layer that each split chose
    assert brainscore(score) == pytest.approx((np.mean(per_split) / 0.8) ** 2)
    halves = score.assign(ceiling_divisions=(("division", "site"), [[0.5, 0.8, 0.9], [0.5, 0.6, 0.9]]))
    assert brainscore(halves) == pytest.approx((np.mean(per_split) / 0.7) ** 2)
    sst, ssp = score["sst"].values, score["ssp"].values[[0, 1, 2], [0, 1, 1]]
    product = score["correlation"].values[[0, 1, 2], [0, 1, 1]] * np.sqrt(sst * ssp)
    r = product.sum(axis=0) / np.sqrt(sst.sum(axis=0) * ssp.sum(axis=0))
    assert summary(score)["r2_over_ceiling"] == pytest.approx(np.median(r) ** 2 / 0.8)
    assert summary(score.assign_attrs(measure="brainscore"))["value"] == pytest.approx(brainscore(score))


def test_squares_keep_the_sign_of_a_negative_correlation():
    score = with_ceiling(0.5, 0.8, 0.9)
    score["correlation"][:] = -0.3
    score["ssp"][:] = score["sst"].values[:, None]  # each split counts by the variance of its responses
    found = summary(score)
    assert found["brainscore"] == pytest.approx(-0.09 / 0.64)
    assert found["r2_over_ceiling"] == pytest.approx(-0.09 / 0.8)


@pytest.mark.parametrize("ceiling", [None, (np.nan,) * 3, (-0.5, -0.1, -0.3)])
def test_without_a_ceiling_nothing_is_corrected(ceiling):
    score = with_ceiling(*ceiling) if ceiling else small_score()
    found = summary(score)
    assert (found["explained_variance_corrected"], found["brainscore"], found["r2_over_ceiling"]) == (None,) * 3


def test_the_interval_is_that_of_the_headline():
    draws = np.stack([np.linspace(0, 1, 1001), np.linspace(2, 3, 1001)])
    score = small_score(measure="correlation").assign(draws=(("measure", "draw"), draws))
    score = score.assign_coords(measure=["explained_variance", "correlation"])
    found = summary(score)
    assert (found["low"], found["high"]) == pytest.approx((2.025, 2.975))
    assert found["value"] == found["correlation"]


def test_a_comparison_has_one_number_a_layer():
    score = xr.Dataset(
        {"value": ("layer", [0.2, 0.5]), "headline": 0.45, "draws": (("measure", "draw"), [[0.4, 0.5]])},
        {
            "layer": ["early", "late"],
            "n_features": ("layer", [10, 20]),
            "measure": ["cka"],
            "chosen_layer": ("group", ["late", "late", "early"]),
        },
        {**small_score().attrs, "measure": "cka"},
    )
    found = summary(score)
    assert (found["measure"], found["value"], found["layer"]) == ("cka", 0.45, "late")
    assert found["gap_to_oracle"] == pytest.approx(0.05)
    width = {"n_features": 20, "effective_dimensionality": None}
    assert found["layers"][1] == {"layer": "late", **width, "value": 0.5}
    assert "explained_variance" not in found


def test_intervals_as_text():
    assert interval_text(0.1, 0.25) == "0.100–0.250"
    assert interval_text(-0.1, 0.25) == "-0.100 to 0.250"
    assert interval_text(None, None) == ""


def test_of_several_models_each_has_its_share_and_its_unique_part():
    rng = np.random.default_rng(1)
    layers = ["a:one", "a:two", "b:one", "stacked"]
    score = small_score().isel(layer=[0, 1, 0, 1]).assign_coords(layer=layers, chosen_layer=("split", ["stacked"] * 3))
    score = score.assign(
        weight=(("split", "part", "site"), rng.random((3, 3, 3))),
        share=(("split", "part", "site"), rng.random((3, 3, 3))),
        unique=(("split", "group", "site"), rng.random((3, 5, 3))),
    ).assign_coords(part=layers[:3], group=[*layers[:3], "a", "b"])
    first, second = summary(score)["models"]
    assert (first["model"], first["n_features"], second["n_features"]) == ("a", 30, 10)
    sst = score["sst"].values
    shares, unique = score["share"].values[:, :2].sum(axis=1), score["unique"].values[:, 4]
    assert first["share"] == pytest.approx(((shares * sst).sum(axis=0) / sst.sum(axis=0)).mean())
    assert second["unique"] == pytest.approx(((unique * sst).sum(axis=0) / sst.sum(axis=0)).mean())
    assert summary(small_score())["models"] == []
