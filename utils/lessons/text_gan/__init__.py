"""GANs that write: tokens, which have no gradient, and the ways around that.

A *text* is a row of token numbers, int32, shape ``(batch, time)``. It is written by a *step
network* (``step_network``): it reads one token and its memory, and returns the logits of the next
token. A token is given to it as a vector over all tokens, one-hot for a real one, so that a
softened token can be read just as well; before the first token stands the zero vector.

Where texts may stop early, ``end`` is the number of the token that stops them: everything after
the first ``end`` is ``end`` too, and has no probability of its own (its log-probability counts
as 0). Without ``end``, all texts have the full length.

Random numbers come from a ``seed``, two integers or a tensor of them, as in ``tf.random``'s
stateless functions: the same seed gives the same texts.
"""

from utils.lessons.text_gan.bleu import bleu, self_bleu, without_end
from utils.lessons.text_gan.networks import random_oracle, step_network, text_discriminator
from utils.lessons.text_gan.policy import Reward, leave_one_out, policy_loss, rollout_values
from utils.lessons.text_gan.sampling import (
    Seed,
    all_texts,
    complete,
    gumbel,
    gumbel_softmax,
    log_probabilities,
    negative_log_likelihood,
    sample,
    soft_sample,
)
from utils.lessons.text_gan.training import TextGan, TextGanConfig

__all__ = [
    "Reward",
    "Seed",
    "TextGan",
    "TextGanConfig",
    "all_texts",
    "bleu",
    "complete",
    "gumbel",
    "gumbel_softmax",
    "leave_one_out",
    "log_probabilities",
    "negative_log_likelihood",
    "policy_loss",
    "random_oracle",
    "rollout_values",
    "sample",
    "self_bleu",
    "soft_sample",
    "step_network",
    "text_discriminator",
    "without_end",
]
