import time as _t; _T=_t.time()
import matplotlib; matplotlib.use('Agg')
print('#### setup', round(_t.time()-_T,1), flush=True)
# The same cell opens every notebook: it finds the course (or fetches it), then sets it up.
import pathlib, subprocess, sys, zipfile

ADDRESS, VERSION, home = "", "main", pathlib.Path("course").resolve()
home = next((p for p in home.parents if (p / "utils/runtime.py").is_file()), home)
if not (home / "utils").is_dir():  # the notebook came alone, as on Colab
    if not ADDRESS and not pathlib.Path("course.zip").is_file():
        raise FileNotFoundError("Upload course.zip beside this notebook, then run this cell again.")
    clone = ["git", "clone", "--depth", "1", "--branch", VERSION, ADDRESS, "course"]
    subprocess.run(clone, check=True) if ADDRESS else zipfile.ZipFile("course.zip").extractall(home)
sys.path[:] = dict.fromkeys([str(home), *sys.path])
from utils import runtime

runtime.setup(seed=1)
print('#### imports-and-budget', round(_t.time()-_T,1), flush=True)
import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import tensorflow as tf

from utils import cells, data, losses, text, text_gan
from utils.plots import INK, PALETTE, finish

plt.rcParams["figure.dpi"] = 80
# The products here are so small that to share one between two cores costs more than it saves.
tf.config.threading.set_intra_op_parallelism_threads(1)
likelihood_steps = runtime.budget(full=1600, quick=10)  # before any adversarial step
judge_steps = runtime.budget(full=1500, quick=6)  # of the discriminator before the game
part_steps = runtime.budget(full=240, quick=2)  # in each of the five parts of the game
seeds = runtime.budget(full=(1, 2, 3), quick=(1,))
print('#### block', round(_t.time()-_T,1), flush=True)
scores = tf.constant([1.0, 3.0, 2.0])
logits = tf.constant([0.5, 0.2, -1.0])
with tf.GradientTape() as tape:
    tape.watch(logits)
    token = tf.argmax(logits)
    score = tf.gather(scores, token)
print(
    "chosen:", "abc"[token], "· score:", score.numpy(), "· gradient:", tape.gradient(score, logits)
)
print('#### block-flat', round(_t.time()-_T,1), flush=True)
z_b = np.linspace(-4, 4, 2001)
z = np.stack([np.full_like(z_b, 0.5), z_b, np.full_like(z_b, -1.0)], axis=1)
s, p = scores.numpy(), text.probabilities(z)
chosen, expected = s[z.argmax(axis=1)], p @ s
assert np.count_nonzero(np.diff(chosen)) == 1  # flat, but for one jump
np.testing.assert_allclose(
    np.gradient(expected, z_b)[1:-1], (p[:, 1] * (s[1] - expected))[1:-1], atol=1e-4
)
print('#### block-picture', round(_t.time()-_T,1), flush=True)
fig, ax = plt.subplots()
ax.plot(z_b, chosen, color=PALETTE[3], label="of the likeliest token")
ax.plot(z_b, expected, color=PALETTE[0], label="expected, of a drawn token")
finish(
    ax, "The chosen token's score is a step; the expected score has a slope", "logit of b", "score"
)
print('#### world', round(_t.time()-_T,1), flush=True)
TOKENS, PLACES = 3, 4
texts = text_gan.all_texts(TOKENS, PLACES)
written = ["".join("abc"[k] for k in row) for row in texts]
r = np.array(["ab" in one for one in written], "float32")
print(f"{len(texts)} texts, {written[0]} to {written[-1]}; {r.sum():.0f} of them win")
assert len(set(written)) == len(texts) == TOKENS**PLACES
print('#### policy-by-hand', round(_t.time()-_T,1), flush=True)
token = keras.Input((TOKENS,))
h, c = keras.Input((4,)), keras.Input((4,))
row = keras.layers.Dense(3, use_bias=False)(token)  # the embedding
_, (new_h, new_c) = keras.layers.LSTMCell(4)(row, [h, c])
by_hand = keras.Model([token, h, c], [keras.layers.Dense(TOKENS)(new_h), new_h, new_c])
print('#### policy', round(_t.time()-_T,1), flush=True)
policy = text_gan.step_network(TOKENS, units=4, embedding=3, seed=1)
rng = np.random.default_rng(12)
policy.set_weights([rng.normal(size=w.shape) for w in policy.get_weights()])  # far from uniform
by_hand.set_weights(policy.get_weights())
some = [tf.one_hot([0, 2], TOKENS), tf.ones((2, 4)), -tf.ones((2, 4))]
np.testing.assert_allclose(by_hand(some)[0], policy(some)[0], atol=1e-6)
print('#### log-chances', round(_t.time()-_T,1), flush=True)
def log_chances(network, texts):
    "log π(y_t | what stands before), (texts, places)."
    one_hot, logs = tf.one_hot(texts, TOKENS), []
    token, h, c = (tf.zeros((len(texts), size)) for size in (TOKENS, 4, 4))
    for t in range(PLACES):
        logits, h, c = network([token, h, c])
        token = one_hot[:, t]  # what stands there: first scored, then read
        logs.append(tf.reduce_sum(token * tf.nn.log_softmax(logits), axis=1))
    return tf.stack(logs, axis=1)
print('#### log-chances-check', round(_t.time()-_T,1), flush=True)
logs = log_chances(policy, texts)
np.testing.assert_allclose(logs, text_gan.log_probabilities(policy, texts), atol=1e-6)
p = np.exp(np.sum(logs, axis=1, dtype=np.float64))
assert np.isclose(p.sum(), 1)  # all 81 texts
print(f"chance to win: {p @ r:.3f}")
print('#### exact-gradient', round(_t.time()-_T,1), flush=True)
def flat(gradients):
    return np.concatenate([np.ravel(g) for g in gradients])


with tf.GradientTape() as tape:
    chances = tf.exp(tf.reduce_sum(log_chances(policy, texts), axis=1))
    J = tf.reduce_sum(chances * r)
exact = flat(tape.gradient(J, policy.trainable_variables))
print(f"J = {J:.3f}, and {len(exact)} numbers in its gradient")
print('#### score-functions', round(_t.time()-_T,1), flush=True)
with tf.GradientTape() as tape:
    logs = log_chances(policy, texts)
slopes = tape.jacobian(logs, policy.trainable_variables)  # of each token of each text
slopes = np.concatenate([np.reshape(one, (81, PLACES, -1)) for one in slopes], axis=2)
grad_log = slopes.sum(axis=1)  # ∇ log π(y): a row for each text
np.testing.assert_allclose((p * r) @ grad_log, exact, atol=1e-6)
print('#### sampled', round(_t.time()-_T,1), flush=True)
drawn = text_gan.sample(policy, 20_000, PLACES, seed=(1, 2)).numpy()
number = drawn @ [27, 9, 3, 1]  # its place among the 81
with tf.GradientTape() as tape:
    loss = text_gan.policy_loss(text_gan.log_probabilities(policy, drawn), r[number][:, None])
estimate = -flat(tape.gradient(loss, policy.trainable_variables))
variance = p @ (r[:, None] * grad_log) ** 2 - exact**2
assert np.all(np.abs(estimate - exact) < 5 * np.sqrt(variance / 20_000) + 1e-6)
print('#### baseline', round(_t.time()-_T,1), flush=True)
np.testing.assert_allclose(p @ grad_log, 0, atol=1e-6)
lengths = np.sum(grad_log**2, axis=1)


def variance_with(b):
    return p @ ((r - b) ** 2 * lengths) - exact @ exact


for b in (0, float(J), 1):
    np.testing.assert_allclose((p * (r - b)) @ grad_log, exact, atol=1e-6)
    print(f"b = {b:.2f}: variance {variance_with(b):.3f}")
print('#### baseline-picture', round(_t.time()-_T,1), flush=True)
b = np.linspace(-0.5, 1.2, 100)
fig, ax = plt.subplots()
ax.plot(b, [variance_with(one) for one in b], color=PALETTE[0])
for place, name in ((0, "no baseline"), (float(J), "the expected reward")):
    ax.plot(place, variance_with(place), "o", color=PALETTE[1])
    ax.annotate(name, (place, variance_with(place)), xytext=(6, 6), textcoords="offset points")
finish(ax, "The same expectation, less noise", "baseline b", "variance of one text's estimate")
assert variance_with(float(J)) < variance_with(0)
print('#### leave-one-out', round(_t.time()-_T,1), flush=True)
batch = np.array([1.0, 0.0, 0.0, 1.0, 1.0])
by_hand = [one - np.delete(batch, i).mean() for i, one in enumerate(batch)]
np.testing.assert_allclose(by_hand, (batch - batch.mean()) * 5 / 4)
np.testing.assert_allclose(by_hand, text_gan.leave_one_out(batch))
print('#### values', round(_t.time()-_T,1), flush=True)
def value(text, t):
    "The reward to expect once the first t tokens of this text are written."
    alike = (texts[:, :t] == text[:t]).all(axis=1)
    return p[alike] @ r[alike] / p[alike].sum()


Q = np.array([[value(one, t) for t in range(1, PLACES + 1)] for one in texts])
weighted = np.einsum("yt,ytw->yw", Q, slopes)
np.testing.assert_allclose(p @ weighted, exact, atol=1e-6)
print('#### rollouts', round(_t.time()-_T,1), flush=True)
def wins(one_hot):
    "1 where a text contains `ab`, for one-hot texts (rows, places, tokens)."
    pairs = one_hot[:, :-1, 0] * one_hot[:, 1:, 1]
    return tf.reduce_max(pairs, axis=1)


np.testing.assert_array_equal(wins(tf.one_hot(texts, TOKENS)), r)
text_of_interest = texts[[written.index("cabc")]]
rolled = {}
for count in (1, 4, 1000):
    values = text_gan.rollout_values(policy, wins, text_of_interest, count, seed=(3, count))
    rolled[count] = values.numpy()[0]
true_values = Q[written.index("cabc")]
assert np.all(np.abs(rolled[1000] - true_values) < 5 * np.sqrt(0.25 / 1000))
print('#### rollouts-picture', round(_t.time()-_T,1), flush=True)
fig, ax = plt.subplots()
ax.bar(range(4), true_values, color=PALETTE[0], alpha=0.4, label="enumerated")
for (count, values), marker in zip(rolled.items(), "x+o", strict=True):
    ax.plot(np.arange(4), values, marker, color=INK, label=f"{count} roll-outs")
ax.axhline(J, color=PALETTE[1], linestyle="--", label="before the first token: J")
ax.set_xticks(range(4), ["c", "ca", "cab", "cabc"])
ax.legend(fontsize="x-small", loc="upper left")
finish(
    ax,
    "It is the b that wins; the c after it changes nothing",
    "written so far",
    "Q, expected reward",
)
print('#### variances', round(_t.time()-_T,1), flush=True)
V = np.array([[value(one, t) for t in range(PLACES)] for one in texts])
noise = {}
whole, best_guess = r[:, None] + 0 * Q, float(J)
weights = {"r": whole, "r − J": whole - best_guess, "Q": Q, "Q − J": Q - best_guess, "Q − V": Q - V}
for name, weight in weights.items():
    weighted = np.einsum("yt,ytw->yw", weight, slopes)
    np.testing.assert_allclose(p @ weighted, exact, atol=1e-6)  # all of them unbiased
    noise[name] = p @ np.sum(weighted**2, axis=1) - exact @ exact
print({name: round(float(one), 2) for name, one in noise.items()})
assert noise["Q − V"] < noise["Q − J"] < noise["r − J"]
print('#### gumbel', round(_t.time()-_T,1), flush=True)
z = np.log([0.6, 0.3, 0.1]).astype("float32")
u = np.random.default_rng(3).uniform(size=(50_000, 3))
g = -np.log(-np.log(u))
share = np.bincount((z + g).argmax(axis=1), minlength=3) / len(g)
assert np.all(np.abs(share - [0.6, 0.3, 0.1]) < 5 * np.sqrt(0.25 / len(g)))
print(share.round(2))
print('#### soften', round(_t.time()-_T,1), flush=True)
soft = {tau: text_gan.gumbel_softmax(z, g[:600], tau).numpy() for tau in (1e-3, 0.3, 1, 5, 1e6)}
one_hot = np.eye(3)[(z + g[:600]).argmax(axis=1)]
np.testing.assert_allclose(soft[1e-3], one_hot, atol=0.05)
np.testing.assert_allclose(soft[1e6], 1 / 3, atol=1e-4)
for y in soft.values():
    np.testing.assert_array_equal(y.argmax(axis=1)[:100], one_hot.argmax(axis=1)[:100])
print('#### simplex', round(_t.time()-_T,1), flush=True)
_, axes = plt.subplots(1, 3, figsize=(8, 2.7))
corners = np.array([[0, 0], [1, 0], [0.5, np.sqrt(0.75)]])
for ax, tau in zip(axes, (0.3, 1, 5), strict=True):
    ax.fill(*corners.T, facecolor="none", edgecolor=INK)
    ax.scatter(*(soft[tau] @ corners).T, s=5, c=[PALETTE[k] for k in one_hot.argmax(axis=1)])
    for corner, name in zip(corners, "abc", strict=True):
        ax.annotate(name, corner, xytext=(4, 2), textcoords="offset points")
    ax.set(title=f"τ = {tau}", aspect="equal", xticks=[], yticks=[])
plt.suptitle(
    "Cold draws sit in the corners, warm ones crowd the middle",
    fontweight="bold",
    fontsize="medium",
)
plt.show()
print('#### one-token', round(_t.time()-_T,1), flush=True)
p3 = text.probabilities(z)
right = p3 * (s - p3 @ s)


def relaxed_gradients(tau):
    "The Gumbel-softmax gradient of the score for each row of noise, (rows, 3)."
    many = tf.constant(np.tile(z, (len(g), 1)))
    with tf.GradientTape() as tape:
        tape.watch(many)
        score = tf.linalg.matvec(text_gan.gumbel_softmax(many, g.astype("float32"), tau), scores)
    return tape.gradient(score, many).numpy()
print('#### bias-variance', round(_t.time()-_T,1), flush=True)
taus = np.geomspace(0.05, 10, 15)
rows = [relaxed_gradients(tau) for tau in taus]
bias = [np.linalg.norm(row.mean(axis=0) - right) for row in rows]
spread = [np.sqrt(row.var(axis=0).sum()) for row in rows]
taken = np.eye(3)[(z + g).argmax(axis=1)]  # the tokens drawn: REINFORCE on the same noise
reinforce = ((taken @ s) - p3 @ s)[:, None] * (taken - p3)
assert np.linalg.norm(reinforce.mean(axis=0) - right) < 5 * np.sqrt(
    reinforce.var(axis=0).sum() / len(g)
)
assert bias[0] < 0.05 < bias[-1]
assert spread[0] > spread[-1]
print('#### bias-variance-picture', round(_t.time()-_T,1), flush=True)
fig, ax = plt.subplots()
ax.loglog(taus, spread, color=PALETTE[2], label="Gumbel-softmax: standard deviation")
ax.loglog(taus, bias, "--", color=PALETTE[2], label="Gumbel-softmax: bias")
level = np.sqrt(reinforce.var(axis=0).sum())
ax.axhline(level, color=PALETTE[1], label="REINFORCE with baseline: standard deviation")
ax.axhline(np.linalg.norm(right), color=INK, linestyle=":", label="length of the gradient")
ax.legend(fontsize="x-small")
finish(
    ax,
    "Warm: less noise, and wrong. Cold: right, and noisier",
    "temperature τ",
    "of one draw's gradient",
)
print('#### oracle', round(_t.time()-_T,1), flush=True)
TOKENS, LENGTH, UNITS = 32, 12, 32
oracle = text_gan.random_oracle(TOKENS, UNITS, embedding=UNITS, seed=1)
train_texts = text_gan.sample(oracle, 10_000, LENGTH, seed=(0, 1)).numpy()
held_out = text_gan.sample(oracle, 5_000, LENGTH, seed=(0, 2)).numpy()
assert train_texts.shape == (10_000, LENGTH)
print(train_texts[:2])
print('#### oracle-hand', round(_t.time()-_T,1), flush=True)
E, kernel, recurrent, bias_, W, b_ = oracle.get_weights()
x, state, total = np.zeros((1, TOKENS)), (np.zeros((1, UNITS)), np.zeros((1, UNITS))), 0
for token in train_texts[0]:
    state = cells.lstm_step(x @ E, state, kernel, recurrent, bias_)
    total -= np.log(text.probabilities(state[0] @ W + b_)[0, token])
    x = np.eye(TOKENS)[[token]]
found = text_gan.negative_log_likelihood(oracle, train_texts[:1])
np.testing.assert_allclose(found, total, rtol=1e-4)
print('#### entropy', round(_t.time()-_T,1), flush=True)
many = text_gan.sample(oracle, 20_000, LENGTH, seed=(0, 3))
H = float(text_gan.negative_log_likelihood(oracle, many))
noise_texts = np.random.default_rng(4).integers(TOKENS, size=(5000, LENGTH))
by_chance = float(text_gan.negative_log_likelihood(oracle, noise_texts))
even = LENGTH * np.log(TOKENS)
print(f"entropy {H:.1f} nats; equal chances {even:.1f}; random texts {by_chance:.0f}")
assert H < even < by_chance
print('#### cold-oracle', round(_t.time()-_T,1), flush=True)
cold = {}
for temperature in (1.0, 0.75, 0.5, 0.25):
    cold[temperature] = text_gan.sample(oracle, 2000, LENGTH, (5, 5), temperature=temperature)
    nll = text_gan.negative_log_likelihood(oracle, cold[temperature])
    print(f"temperature {temperature}: oracle NLL {nll:.1f}")
print('#### self-bleu', round(_t.time()-_T,1), flush=True)
from collections import Counter


def shared(row, others, n):
    "The share of a text's n-grams that one of the others holds, counts clipped."

    def grams(tokens):
        return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))

    most = Counter()
    for other in others:
        most |= grams(other)  # | keeps the larger count
    return sum((grams(row) & most).values()) / grams(row).total()
print('#### self-bleu-check', round(_t.time()-_T,1), flush=True)
def by_hand(rows, order):
    shares = [
        [
            max(shared(row, rows[:i] + rows[i + 1 :], n), 0.1 / (len(row) - n + 1))
            for n in range(1, order + 1)
        ]
        for i, row in enumerate(rows)
    ]
    return np.mean(np.exp(np.mean(np.log(shares), axis=1)))


few = train_texts[:30].tolist()
assert np.isclose(by_hand(few, 4), text_gan.self_bleu(few, 4))
assert np.isclose(text_gan.self_bleu([[1, 2, 3, 4]] * 5, 4), 1)  # all alike
assert np.isclose(by_hand([[1, 2, 3], [1, 2, 4]], 2), np.sqrt(2 / 3 * 1 / 2))
print('#### self-bleu-size', round(_t.time()-_T,1), flush=True)
def self_bleu(texts):
    "Self-BLEU-4 of 500 texts, the mean of four samples."
    return np.mean([text_gan.self_bleu(texts[i : i + 500], 4) for i in range(0, 2000, 500)])


diversity = {temperature: self_bleu(np.array(rows)) for temperature, rows in cold.items()}
print({temperature: round(float(one), 2) for temperature, one in diversity.items()})
assert np.all(np.diff(list(diversity.values())) > 0)  # the colder, the more alike
assert text_gan.self_bleu(train_texts[:2000], 4) > text_gan.self_bleu(train_texts[:500], 4)
print('#### student', round(_t.time()-_T,1), flush=True)
student = text_gan.step_network(TOKENS, UNITS, embedding=UNITS, seed=1)
judge = text_gan.text_discriminator(LENGTH, TOKENS, embedding=32, filters=64, dropout=0.25, seed=1)
gan = text_gan.TextGan(student, judge, train_texts)
key = tf.constant([3, 4])
ours = text_gan.negative_log_likelihood(student, gan.real(key))
assert np.isclose(ours, gan.likelihood_loss(key))
print('#### measure', round(_t.time()-_T,1), flush=True)
@tf.function
def look(temperature):
    texts = text_gan.sample(student, 4000, LENGTH, (7, 7), temperature=temperature)
    plausible = text_gan.negative_log_likelihood(oracle, texts)
    entropy = text_gan.negative_log_likelihood(student, texts, temperature=temperature)
    fresh = text_gan.negative_log_likelihood(student, held_out, temperature=temperature)
    return texts, plausible, plausible - entropy, fresh - H


def measure(temperature=1.0):
    "The four numbers of the student as it is, at this temperature."
    texts, *numbers = look(tf.constant(temperature, tf.float32))
    names = ("oracle NLL", "KL(q‖p)", "KL(p‖q)")
    return {"self-BLEU": self_bleu(texts.numpy())} | dict(
        zip(names, map(float, numbers), strict=True)
    )
print('#### ml', round(_t.time()-_T,1), flush=True)
curve = [measure()]
for _ in range(8):
    gan.train("likelihood", likelihood_steps // 8 or 1, seed=1)
    curve.append(measure())
pretrained = student.get_weights()
steps_taken = likelihood_steps * np.arange(9) // 8
runtime.claim(
    "it comes nearer by both divergences",
    all(curve[-1][k] < curve[1][k] for k in ("KL(q‖p)", "KL(p‖q)")),
)
print('#### ml-picture', round(_t.time()-_T,1), flush=True)
fig, ax = plt.subplots()
for name, style in (("KL(q‖p)", "-"), ("KL(p‖q)", "--")):
    ax.semilogy(steps_taken, [row[name] for row in curve], style, color=PALETTE[0], label=name)
ax.set_yticks([3, 5, 10, 20, 40], [3, 5, 10, 20, 40])
finish(
    ax, "Most is learnt in the first few hundred steps", "step of maximum likelihood", "nats a text"
)
print('#### judge-loss', round(_t.time()-_T,1), flush=True)
def judge_loss(real, fake):
    "Cross-entropy of a classifier of one-hot texts, summed over both classes."
    logits = judge(tf.one_hot(tf.concat([real, fake], axis=0), TOKENS))
    real_logits, fake_logits = tf.split(logits, 2)
    return losses.get_loss("minimax").discriminator(real_logits, fake_logits)


untrained = judge.get_weights()
fresh_fake = text_gan.sample(student, 5000, LENGTH, seed=(9, 9))
assert abs(judge_loss(held_out, fresh_fake) - 2 * np.log(2)) < 0.3
print('#### judge', round(_t.time()-_T,1), flush=True)
both = tf.concat([held_out, fresh_fake], axis=0)
true_logit = sum(
    sign * tf.reduce_sum(text_gan.log_probabilities(network, both), axis=1)
    for sign, network in ((1, oracle), (-1, student))
)
best = float(losses.get_loss("minimax").discriminator(*tf.split(true_logit, 2)))
gan.train("judge", judge_steps, seed=1)
learnt = float(judge_loss(held_out, fresh_fake))
on_train = float(judge_loss(train_texts[:5000], fresh_fake))
print('#### judge-table', round(_t.time()-_T,1), flush=True)
print(
    f"cannot tell {2 * np.log(2):.2f} · ours, fresh texts {learnt:.2f} · best possible {best:.2f}"
)
print(f"ours, on texts it was trained with: {on_train:.2f}")
runtime.claim("it sees less than a quarter of what there is", 1.386 - learnt < (1.386 - best) / 4)
print('#### judge-picture', round(_t.time()-_T,1), flush=True)
ours = np.concatenate([judge(tf.one_hot(part, TOKENS)) for part in (held_out, fresh_fake)])[:, 0]
fig, ax = plt.subplots(figsize=(7, 3.4))
for part, name in ((slice(0, 1000), "real"), (slice(5000, 6000), "generated")):
    colour = PALETTE[0] if name == "real" else PALETTE[1]
    ax.scatter(true_logit[part], ours[part], s=5, color=colour, alpha=0.5, label=name)
ax.set_xlim(-30, 10)
correlation = np.corrcoef(true_logit, ours)[0, 1]
title = f"The truth is in plain sight, and hardly learnt: correlation {correlation:.2f}"
finish(ax, title, "best logit, log p − log q", "our discriminator's logit")
print('#### kl-check', round(_t.time()-_T,1), flush=True)
truth = np.random.default_rng(5).dirichlet(np.ones(81)).astype("float32")
with tf.GradientTape() as tape:
    logs = tf.reduce_sum(text_gan.log_probabilities(policy, texts), axis=1)
    divergence = tf.reduce_sum(tf.exp(logs) * (logs - np.log(truth)))
descent = -flat(tape.gradient(divergence, policy.trainable_variables))
reward_81 = np.log(truth) - logs.numpy()
np.testing.assert_allclose((p * reward_81) @ grad_log, descent, atol=1e-5)
print('#### policy-step', round(_t.time()-_T,1), flush=True)
def policy_step_loss(seed):
    one, other = tf.unstack(tf.random.split(seed, 2))
    written = text_gan.sample(student, 64, LENGTH, one)
    values = text_gan.rollout_values(student, lambda y: judge(y)[:, 0], written, 4, other)
    advantages = text_gan.leave_one_out(values)  # at each place, against the other texts
    return text_gan.policy_loss(text_gan.log_probabilities(student, written), advantages)


assert np.isclose(policy_step_loss(key), gan.policy_loss(key), atol=1e-4)
print('#### gumbel-step', round(_t.time()-_T,1), flush=True)
def gumbel_step_loss(seed):
    written = text_gan.soft_sample(student, 64, LENGTH, seed, temperature=0.5, hard=True)
    return tf.reduce_mean(tf.nn.softplus(-judge(written)))


with tf.GradientTape() as tape:
    loss = gumbel_step_loss(key)
assert np.isclose(loss, gan.gumbel_loss(key), atol=1e-4)
assert all(g is not None for g in tape.gradient(loss, student.trainable_variables))
print('#### race-setup', round(_t.time()-_T,1), flush=True)
go_on = text_gan.TextGan(student, judge, train_texts, text_gan.TextGanConfig(likelihood_rate=1e-3))
METHODS = {
    "likelihood": "maximum likelihood",
    "policy": "policy gradient",
    "gumbel": "Gumbel-softmax",
}
COLOURS = dict(zip(METHODS, PALETTE, strict=False))


def first_weights(seed):
    student = text_gan.step_network(TOKENS, UNITS, embedding=UNITS, seed=seed)
    judge = text_gan.text_discriminator(
        LENGTH, TOKENS, embedding=32, filters=64, dropout=0.25, seed=seed
    )
    return student.get_weights(), judge.get_weights()
print('#### race-function', round(_t.time()-_T,1), flush=True)
import time

rows, finals, seconds = [], {}, Counter()


def run(method, seed, begun, judge_weights):
    "Five parts of one method from the same beginning; measure after each."
    go_on.restart(begun, judge_weights)
    if method != "likelihood":
        go_on.train("judge", judge_steps, seed)
    for part in range(6):
        if part:
            started = time.perf_counter()
            go_on.train(method, part_steps, seed)
            seconds[method] += time.perf_counter() - started
        rows.append({"method": method, "seed": seed, "step": part * part_steps} | measure())
    finals[method, seed] = student.get_weights()
print('#### race', round(_t.time()-_T,1), flush=True)
for seed in runtime.progress(seeds):
    generator_weights, judge_weights = first_weights(seed)
    gan.restart(generator_weights, judge_weights)
    gan.train("likelihood", likelihood_steps, seed)
    begun = student.get_weights()
    for method in METHODS:
        run(method, seed, begun, judge_weights)
race = pd.DataFrame(rows)
assert np.isfinite(race[["oracle NLL", "self-BLEU", "KL(q‖p)", "KL(p‖q)"]]).all(axis=None)
print('#### race-picture', round(_t.time()-_T,1), flush=True)
truth_bleu = self_bleu(held_out)
_, axes = plt.subplots(1, 2, figsize=(9, 3.4))
for ax, column, level in zip(axes, ("oracle NLL", "self-BLEU"), (H, truth_bleu), strict=True):
    for method, name in METHODS.items():
        runs = race[race.method == method].pivot(index="step", columns="seed", values=column)
        ax.plot(runs, color=COLOURS[method], alpha=0.35, linewidth=0.8)
        ax.plot(runs.mean(axis=1), color=COLOURS[method], label=name)
    ax.axhline(level, color=INK, linestyle=":", label="the oracle itself")
    ax.set(xlabel="step after the common beginning", title=column)
axes[0].legend(fontsize="x-small")
plt.suptitle("TITLE", fontweight="bold", fontsize="medium")
plt.show()
print('#### race-table', round(_t.time()-_T,1), flush=True)
last = race[race.step == 5 * part_steps].drop(columns="step")
table = last.groupby("method")[["oracle NLL", "self-BLEU", "KL(q‖p)", "KL(p‖q)"]]
means = table.mean().loc[list(METHODS)]
means.loc["beginning"] = race[race.step == 0].groupby("seed").first()[means.columns].mean()
print(means.round(3).to_string())
print("range over seeds:")
print((table.max() - table.min()).loc[list(METHODS)].round(3).to_string())
steps_run = 5 * part_steps * len(seeds)
print({method: f"{1000 * one / steps_run:.0f} ms a step" for method, one in seconds.items()})
print('#### race-claims', round(_t.time()-_T,1), flush=True)
runtime.claim(
    "the policy gradient lowers the oracle NLL below where it began",
    means.loc["policy", "oracle NLL"] < means.loc["beginning", "oracle NLL"],
)
runtime.claim(
    "and its texts become more alike",
    means.loc["policy", "self-BLEU"] > means.loc["beginning", "self-BLEU"],
)
runtime.claim(
    "maximum likelihood misses least of what the oracle writes",
    means["KL(p‖q)"].idxmin() == "likelihood",
)
print('#### sweep', round(_t.time()-_T,1), flush=True)
temperatures = (0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0, 1.1)
swept = []
for (method, seed), weights in finals.items():
    student.set_weights(weights)
    for temperature in temperatures:
        swept.append({"method": method, "seed": seed, "τ": temperature} | measure(temperature))
swept = pd.DataFrame(swept)
curves = swept.groupby(["method", "τ"]).mean().drop(columns="seed")
print('#### sweep-picture', round(_t.time()-_T,1), flush=True)
fig, ax = plt.subplots(figsize=(7, 4))
for method, name in METHODS.items():
    one = curves.loc[method]
    ax.plot(one["self-BLEU"], one["oracle NLL"], ".-", color=COLOURS[method], label=name)
    ax.plot(*one.loc[1.0, ["self-BLEU", "oracle NLL"]], "o", color=COLOURS[method], markersize=9)
ax.plot(
    [diversity[1.0], diversity[0.75]],
    [text_gan.negative_log_likelihood(oracle, cold[one]) for one in (1.0, 0.75)],
    "*:",
    color=INK,
    markersize=11,
    label="the oracle, at 1 and 0.75",
)
finish(ax, "T", "self-BLEU (less diverse →)", "oracle NLL (less plausible ↑)")
print('#### sweep-compare', round(_t.time()-_T,1), flush=True)
def likelihood_at(seed, self_bleu, column="oracle NLL"):
    "Maximum likelihood of this seed, cooled to this self-BLEU."
    one = swept[(swept.method == "likelihood") & (swept.seed == seed)].sort_values("self-BLEU")
    return np.interp(self_bleu, one["self-BLEU"], one[column])


gaps = last[last.method != "likelihood"].copy()
gaps["cooled likelihood"] = [
    likelihood_at(*pair) for pair in zip(gaps.seed, gaps["self-BLEU"], strict=True)
]
gaps["GAN − it"] = gaps["oracle NLL"] - gaps["cooled likelihood"]
print(
    gaps[["method", "seed", "self-BLEU", "oracle NLL", "cooled likelihood", "GAN − it"]]
    .round(3)
    .to_string(index=False)
)
print('#### sweep-claim', round(_t.time()-_T,1), flush=True)
gap = gaps.groupby("method")["GAN − it"].mean()
print({METHODS[method]: f"{one:+.2f} nats" for method, one in gap.items()})
print('#### perfect', round(_t.time()-_T,1), flush=True)
def perfect_logit(one_hot):
    "What the best discriminator would say, for one-hot texts."
    texts = tf.argmax(one_hot, axis=-1, output_type=tf.int32)
    real = tf.reduce_sum(text_gan.log_probabilities(oracle, texts), axis=1)
    return real - tf.reduce_sum(text_gan.log_probabilities(student, texts), axis=1)


informed = text_gan.TextGan(
    student, judge, train_texts, text_gan.TextGanConfig(rollouts=1), reward=perfect_logit
)
print('#### perfect-run', round(_t.time()-_T,1), flush=True)
informed.restart(pretrained, untrained)
perfect = [measure()]
for _ in range(3):
    informed.train("policy", runtime.budget(full=200, quick=2), seed=1)
    perfect.append(measure())
print(pd.DataFrame(perfect, index=[0, 200, 400, 600]).round(3).to_string())
print('#### perfect-claim', round(_t.time()-_T,1), flush=True)
cooled = {k: likelihood_at(1, perfect[-1]["self-BLEU"], k) for k in ("oracle NLL", "KL(q‖p)")}
print(
    "likelihood of seed 1, cooled to the same self-BLEU:",
    {k: round(float(v), 2) for k, v in cooled.items()},
)
runtime.claim(
    "with a perfect judge, KL(q‖p) falls by a nat",
    perfect[-1]["KL(q‖p)"] < perfect[0]["KL(q‖p)"] - 1,
)
lowest = swept[swept.method == "likelihood"].groupby("τ")["KL(q‖p)"].mean().min()
print(f"lowest KL(q‖p) of maximum likelihood over all temperatures: {lowest:.2f}")
print('#### names', round(_t.time()-_T,1), flush=True)
names = data.load_names("first")
shuffled = [names[i] for i in np.random.default_rng(1).permutation(len(names))]
test_names, train_names = shuffled[:1000], shuffled[1000:]
vocabulary = text.Vocabulary.of(train_names, specials=(text.END,))
END = vocabulary.number(text.END)


def rows_of(names):
    return np.array([[*vocabulary.encode(name), *[END] * (12 - len(name))] for name in names])


name_rows, test_rows = rows_of(train_names), rows_of(test_names)
assert (len(vocabulary), name_rows.shape) == (27, (4163, 12))
print('#### names-measure', round(_t.time()-_T,1), flush=True)
writer = text_gan.step_network(27, 64, embedding=16, seed=1)
name_judge = text_gan.text_discriminator(12, 27, embedding=32, filters=64, dropout=0.25, seed=1)
references, known, unseen = text_gan.without_end(test_rows, END), set(train_names), set(test_names)


@tf.function
def write(temperature, seed):
    return text_gan.sample(writer, 4000, 12, seed, temperature=temperature, end=END)


def judge_names(temperature=1.0):
    rows = write(tf.constant(temperature, tf.float32), tf.constant([5, 6])).numpy()
    kept, names = text_gan.without_end(rows[:1000], END), [vocabulary.decode(row) for row in rows]
    scores = {"BLEU-3, held-out": text_gan.bleu(kept, references, 3).mean()}
    scores["self-BLEU-3"] = text_gan.self_bleu(kept, 3)
    scores["copied"] = np.mean([name in known for name in names])
    return scores | {"invented rightly": len(set(names) & unseen)}
print('#### names-train', round(_t.time()-_T,1), flush=True)
namer = text_gan.TextGan(
    writer, name_judge, name_rows, text_gan.TextGanConfig(likelihood_rate=3e-3), end=END
)
namer.train("likelihood", runtime.budget(full=900, quick=6), seed=1)
name_begun = writer.get_weights(), name_judge.get_weights()
name_finals = {}
for method in METHODS:
    namer.restart(*name_begun)
    if method != "likelihood":
        namer.train("judge", runtime.budget(full=600, quick=3), seed=1)
    namer.train(method, runtime.budget(full=600, quick=3), seed=1)
    name_finals[method] = writer.get_weights()
print('#### names-table', round(_t.time()-_T,1), flush=True)
name_temperatures = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1)
name_scores = {}
for method, weights in name_finals.items():
    writer.set_weights(weights)
    for temperature in name_temperatures:
        name_scores[method, temperature] = judge_names(temperature)
    rows = write(tf.constant(1.0), tf.constant([8, 8])).numpy()[:9]
    print(f"{METHODS[method]}: {', '.join(vocabulary.decode(row) for row in rows)}")
name_scores = pd.DataFrame(name_scores).T
print(name_scores.xs(1.0, level=1).round(3).to_string())
print('#### names-picture', round(_t.time()-_T,1), flush=True)
fig, ax = plt.subplots(figsize=(7, 3.6))
for method, name in METHODS.items():
    one = name_scores.loc[method]
    ax.plot(one["self-BLEU-3"], one["BLEU-3, held-out"], ".-", color=COLOURS[method], label=name)
    ax.plot(*one.loc[1.0, ["self-BLEU-3", "BLEU-3, held-out"]], "o", color=COLOURS[method])
real_names = text_gan.without_end(name_rows[:1000], END)
real_scores = text_gan.self_bleu(real_names, 3), text_gan.bleu(real_names, references, 3).mean()
ax.plot(*real_scores, "*", color=INK, markersize=12, label="real names")
finish(ax, "NAMES_TITLE", "self-BLEU-3 (less diverse →)", "BLEU-3 against held-out names")
print('#### try-it-knob', round(_t.time()-_T,1), flush=True)
prompt, temperature, method = "jo", 0.8, "likelihood"  # turn me

writer.set_weights(name_finals[method])
begun = np.tile(rows_of([prompt]), (10, 1))
finished = text_gan.complete(writer, begun, len(prompt), (1, 9), temperature=temperature, end=END)
invented = [vocabulary.decode(row) for row in finished.numpy()]
print(", ".join(invented))
assert all(name.startswith(prompt) for name in invented)
print('#### solution-1', round(_t.time()-_T,1), flush=True)
# @title Solution 1 { display-mode: "form" }
z = np.log([0.6, 0.3, 0.1]).astype("float32")
sharpened = np.bincount((z / 0.5 + g).argmax(axis=1), minlength=3) / len(g)
softened = text_gan.gumbel_softmax(z, g.astype("float32"), 0.5).numpy().argmax(axis=1)
np.testing.assert_allclose(sharpened, text.probabilities(z, 0.5), atol=0.01)
np.testing.assert_allclose(np.bincount(softened) / len(g), text.probabilities(z), atol=0.01)
print('#### solution-2', round(_t.time()-_T,1), flush=True)
# @title Solution 2 { display-mode: "form" }
best_b = (p * r) @ lengths / (p @ lengths)
around = [variance_with(best_b + shift) for shift in (-0.01, 0, 0.01)]
assert around[1] < min(around[0], around[2])
for name, b in (("none", 0), ("J", float(J)), ("best", best_b)):
    print(f"{name}: b = {b:.3f}, variance {variance_with(b):.3f}")
print('#### solution-3', round(_t.time()-_T,1), flush=True)
# @title Solution 3 { display-mode: "form" }
class SeqGan(text_gan.TextGan):
    def reward(self, texts):
        return tf.sigmoid(self.discriminator(texts)[:, 0])


paper = SeqGan(student, judge, train_texts)
generator_weights, judge_weights = first_weights(1)
paper.restart(generator_weights, judge_weights)
paper.train("likelihood", likelihood_steps, seed=1)
paper.train("judge", judge_steps, seed=1)
paper.train("policy", 5 * part_steps, seed=1)
compared = {"D": measure(), "logit": race[(race.method == "policy") & (race.seed == 1)].iloc[-1]}
print(pd.DataFrame(compared).loc[["oracle NLL", "self-BLEU", "KL(q‖p)", "KL(p‖q)"]].T.round(3))