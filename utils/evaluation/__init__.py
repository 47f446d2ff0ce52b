"""How good are generated samples? Scores by judges, tests, facts, baselines, copies."""

from utils.evaluation.baselines import block_bootstrap, bootstrap_innovations
from utils.evaluation.facts import (
    autocorrelation,
    real_spread,
    stylised_facts,
    within_spread,
)
from utils.evaluation.images import ModeCoverage, coverage, frechet_distance, mode_coverage
from utils.evaluation.lstm_judge import lstm_discriminative_score
from utils.evaluation.memorisation import memorisation_ratio, nearest_distances
from utils.evaluation.scores import (
    STRONG_JUDGE,
    TRAIN_FRACTION,
    Score,
    chance_bound,
    chance_mean,
    discriminative_score,
    predictive_score,
    real_versus_real,
    split_real,
)
from utils.evaluation.two_sample import TwoSampleTest, maximum_mean_discrepancy, permutation_test

__all__ = [
    "STRONG_JUDGE",
    "TRAIN_FRACTION",
    "ModeCoverage",
    "Score",
    "TwoSampleTest",
    "autocorrelation",
    "block_bootstrap",
    "bootstrap_innovations",
    "chance_bound",
    "chance_mean",
    "coverage",
    "discriminative_score",
    "frechet_distance",
    "lstm_discriminative_score",
    "maximum_mean_discrepancy",
    "memorisation_ratio",
    "mode_coverage",
    "nearest_distances",
    "permutation_test",
    "predictive_score",
    "real_spread",
    "real_versus_real",
    "split_real",
    "stylised_facts",
    "within_spread",
]
