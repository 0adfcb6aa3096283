"""Animals predicted from one another, as a model would be."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from itbench.data.benchmark import Benchmark
from itbench.data.recordings import Recordings
from itbench.data.responses import make_responses
from itbench.data.splits import SplitPlan
from itbench.data.stimuli import StimulusSet
from itbench.data.task import Task, scorable_sites
from itbench.errors import BadRecordings, UnknownName
from itbench.plugins import load_plugins
from itbench.results.score_variables import predictions
from itbench.statistics.explained_variance import explained_variance
from itbench.sweeps.animal_to_animal import LAYER, read_other_animals

N = 120
PLAN = SplitPlan("kfold", folds=3)
ANIMALS = ["Tito", "Chabo", "Chabo", "Tito", "Chabo", "Tito", "Chabo"]


def ridge(**options):
    return load_plugins().metric("ridge").readout(**options)


def responses_of(animals, noise=0.1, shared=2, seed=0):
    """Mean responses (stimulus, site) of animals that respond to the same few features, each site in its own way."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((N, shared))
    return features @ rng.standard_normal((shared, len(animals))) + noise * rng.standard_normal((N, len(animals)))


def task_of(responses, animals, splits=PLAN):
    """What a benchmark asks of a model, of recordings with a column of animals."""
    ids = tuple(f"{number:03d}" for number in range(N))
    metadata = {"split": np.array(["train"] * 70 + ["test"] * 40 + ["unrecorded"] * 10, dtype=object)}
    stimuli = StimulusSet(ids, np.zeros((N, 4, 4, 3), np.uint8), metadata)
    sites = {"animal": animals} if animals else {}
    recordings = Recordings("zoo", stimuli, make_responses(responses, ids, sites=sites))
    divided = splits.divide(N, metadata)
    return Task(Benchmark("zoo", "zoo", splits), recordings, responses, divided, scorable_sites(responses, divided))


def test_each_animal_is_predicted_from_the_others_as_sklearn_does():
    animals = [*ANIMALS, "Third", "Third"]
    responses = responses_of(animals)
    task = task_of(responses, animals)
    found = read_other_animals(ridge(alpha=3.0), task).dataset([LAYER])
    for number, split in enumerate(task.splits):
        for animal in set(animals):
            own = np.array(animals) == animal
            fitted = Ridge(alpha=3.0).fit(responses[np.ix_(split.train, ~own)], responses[np.ix_(split.train, own)])
            expected = fitted.predict(responses[np.ix_(split.test, ~own)])
            rows = found["row_split"].values == number
            np.testing.assert_allclose(predictions(found)[np.ix_(rows, own)], expected, atol=1e-5)
            np.testing.assert_allclose(
                found["explained_variance"].values[number, 0, own],
                explained_variance(responses[np.ix_(split.test, own)], expected),
                atol=1e-6,
            )


def test_the_result_is_that_of_a_model_with_one_layer():
    task = task_of(responses_of(ANIMALS), ANIMALS)
    found = read_other_animals(ridge(), task).dataset([LAYER])
    assert found.sizes == {"split": 3, "layer": 1, "site": 7, "row": N}
    assert found["layer"].values.tolist() == ["other animals"]
    assert set(found["chosen_layer"].values) == {"other animals"}
    assert found["animal"].values.tolist() == ANIMALS
    assert int(found["n_features"][0]) == 4  # of Chabo, who predict Tito
    assert (found["explained_variance"] > 0.9).all()
    assert (found["inner_explained_variance"] > 0.9).all()


def test_animals_that_share_nothing_predict_nothing():
    responses = np.random.default_rng(0).standard_normal((N, 7))
    found = read_other_animals(ridge(), task_of(responses, ANIMALS)).dataset([LAYER])
    assert (found["explained_variance"] < 0.1).all()


def test_a_site_that_cannot_be_scored_neither_is_predicted_nor_predicts():
    responses = responses_of(ANIMALS)
    missing = responses.copy()
    missing[3, 2], missing[:, 0] = np.nan, 5.0
    found = read_other_animals(ridge(), task_of(missing, ANIMALS)).dataset([LAYER])
    kept = [1, 3, 4, 5, 6]
    alone = task_of(responses[:, kept], [ANIMALS[site] for site in kept])
    expected = read_other_animals(ridge(), alone).dataset([LAYER])
    for name in ("explained_variance", "predictions"):
        assert np.isnan(found[name].values[..., [0, 2]]).all()
        np.testing.assert_array_equal(found[name].values[..., kept], expected[name].values)


def test_stimuli_of_no_split_may_lack_responses():
    responses = responses_of(ANIMALS)
    plan = SplitPlan("provided")
    expected = read_other_animals(ridge(), task_of(responses, ANIMALS, plan)).dataset([LAYER])
    responses[110:] = np.nan
    found = read_other_animals(ridge(), task_of(responses, ANIMALS, plan)).dataset([LAYER])
    np.testing.assert_array_equal(found["predictions"].values, expected["predictions"].values)
    assert np.isfinite(found["predictions"].values).all()


def test_what_the_readout_remarks_is_kept():
    responses = responses_of(ANIMALS, noise=3.0)
    held_out = read_other_animals(ridge(alphas=(1e-3, 10.0)), task_of(responses, ANIMALS))
    assert any("chose the largest alpha" in remark for remark in held_out.remarks)


def test_recordings_that_name_no_animals_are_refused():
    task = task_of(responses_of(ANIMALS), None)
    with pytest.raises(UnknownName, match="zoo: unknown site coordinate 'animal'"):
        read_other_animals(ridge(), task)


@pytest.mark.parametrize("silent", [[], [0, 3, 5]], ids=["one animal", "one animal that can be scored"])
def test_one_animal_alone_is_refused(silent):
    responses = responses_of(ANIMALS)
    responses[5, silent] = np.nan
    task = task_of(responses, ANIMALS if silent else ["Chabo"] * 7)
    with pytest.raises(BadRecordings, match=r"All \d sites of zoo that can be scored are of one animal, 'Chabo'"):
        read_other_animals(ridge(), task)
