"""The product: an LSTM-GAN of multivariate time series, from the data to the report."""

from utils.lstm_gan.callbacks import Callback, Monitor
from utils.lstm_gan.conditional import (
    Clock,
    conditional_lstm_discriminator,
    conditional_lstm_generator,
)
from utils.lstm_gan.config import TrainingConfig
from utils.lstm_gan.cudnn import cudnn_eligible, cudnn_kernels
from utils.lstm_gan.discriminator import window_discriminator
from utils.lstm_gan.estimator import LstmGan
from utils.lstm_gan.generator import draw_inputs, window_generator
from utils.lstm_gan.members import members_of
from utils.lstm_gan.networks import (
    RunningSum,
    draw_latents,
    lstm,
    lstm_discriminator,
    lstm_generator,
)
from utils.lstm_gan.observations import observations
from utils.lstm_gan.preconditioner import Preconditioner
from utils.lstm_gan.recipe import (
    build,
    build_discriminator,
    build_generator,
    generate,
    training_stride,
)
from utils.lstm_gan.strategies import (
    LOST,
    STRATEGIES,
    WAIT,
    Cluster,
    LostWorkerError,
    get_strategy,
    is_chief,
    noticing_lost_workers,
    read_tf_config,
    slurm_cluster,
    split_cpu,
    tf_config,
)
from utils.lstm_gan.training import HISTORY, TRAINING, GanTrainer, NonFiniteLossError
from utils.lstm_gan.transforms import NormalScores, QuantileMap, Tails, tail_ratio
from utils.lstm_gan.views import data_views

__all__ = [
    "HISTORY",
    "LOST",
    "STRATEGIES",
    "TRAINING",
    "WAIT",
    "Callback",
    "Clock",
    "Cluster",
    "GanTrainer",
    "LostWorkerError",
    "LstmGan",
    "Monitor",
    "NonFiniteLossError",
    "NormalScores",
    "Preconditioner",
    "QuantileMap",
    "RunningSum",
    "Tails",
    "TrainingConfig",
    "build",
    "build_discriminator",
    "build_generator",
    "conditional_lstm_discriminator",
    "conditional_lstm_generator",
    "cudnn_eligible",
    "cudnn_kernels",
    "data_views",
    "draw_inputs",
    "draw_latents",
    "generate",
    "get_strategy",
    "is_chief",
    "lstm",
    "lstm_discriminator",
    "lstm_generator",
    "members_of",
    "noticing_lost_workers",
    "observations",
    "read_tf_config",
    "slurm_cluster",
    "split_cpu",
    "tail_ratio",
    "tf_config",
    "training_stride",
    "window_discriminator",
    "window_generator",
]
