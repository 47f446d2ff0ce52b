"""The product: an LSTM-GAN of multivariate time series, from the data to the report."""

from utils.lstm_gan.callbacks import Callback, Monitor
from utils.lstm_gan.conditional import (
    Clock,
    conditional_lstm_discriminator,
    conditional_lstm_generator,
)
from utils.lstm_gan.config import TrainingConfig
from utils.lstm_gan.cudnn import cudnn_eligible, cudnn_kernels
from utils.lstm_gan.estimator import Pretrained, load_pretrained
from utils.lstm_gan.networks import (
    RunningSum,
    draw_latents,
    lstm,
    lstm_discriminator,
    lstm_generator,
)
from utils.lstm_gan.observations import REPEATED, TREND, observations
from utils.lstm_gan.preconditioner import CHUNK, Preconditioner
from utils.lstm_gan.recipe import MOST_NUMBERS, build, build_generator, generate, training_stride
from utils.lstm_gan.report import FEWEST_WINDOWS, MOST_PANELS, score
from utils.lstm_gan.run_folder import CHECKPOINT, CONFIG
from utils.lstm_gan.strategies import (
    LOST,
    STRATEGIES,
    VARIABLE,
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
from utils.lstm_gan.training import (
    HISTORY,
    SAMPLING,
    TRAINING,
    GanTrainer,
    NonFiniteLossError,
)
from utils.lstm_gan.transforms import NormalScores, QuantileMap, Tails, tail_ratio

__all__ = [
    "CHECKPOINT",
    "CHUNK",
    "CONFIG",
    "FEWEST_WINDOWS",
    "HISTORY",
    "LOST",
    "MOST_NUMBERS",
    "MOST_PANELS",
    "REPEATED",
    "SAMPLING",
    "STRATEGIES",
    "TRAINING",
    "TREND",
    "VARIABLE",
    "WAIT",
    "Callback",
    "Clock",
    "Cluster",
    "GanTrainer",
    "LostWorkerError",
    "Monitor",
    "NonFiniteLossError",
    "NormalScores",
    "Preconditioner",
    "Pretrained",
    "QuantileMap",
    "RunningSum",
    "Tails",
    "TrainingConfig",
    "build",
    "build_generator",
    "conditional_lstm_discriminator",
    "conditional_lstm_generator",
    "cudnn_eligible",
    "cudnn_kernels",
    "draw_latents",
    "generate",
    "get_strategy",
    "is_chief",
    "load_pretrained",
    "lstm",
    "lstm_discriminator",
    "lstm_generator",
    "noticing_lost_workers",
    "observations",
    "read_tf_config",
    "score",
    "slurm_cluster",
    "split_cpu",
    "tail_ratio",
    "tf_config",
    "training_stride",
]
