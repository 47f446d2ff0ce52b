"""Rivals of the LSTM-GAN: same data, same judges, each in a process of its own.

    python -m benchmarks.rivals --rivals … --sets … --seeds …

A rival is a module with the function ``fit_and_sample(windows, sequences, seed, budget_seconds,
**settings)``: windows (windows, time, features) and sequences (sequences, time, features) in the
data's units; it returns as many windows, in the same units.
"""
