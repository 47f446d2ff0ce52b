"""Whether a GPU runs a model's LSTMs by cuDNN's fused kernel.

Does ``tf.config.experimental.enable_op_determinism`` allow that kernel? By TensorFlow's source, yes
(read, and not yet run on a GPU; ``benchmarks/gpu.py`` runs it). Keras calls ``CudnnRNNV3``. Its
kernels (tensorflow/core/kernels/cudnn_rnn_ops.cc, read at commit 057f8c8) do not ask whether
determinism is required, so they are not refused with an ``UnimplementedError`` as other operations
are. They hand it on to cuDNN's descriptor among the numeric options, and V3 does not choose its
algorithm by timing. Without TensorFloat-32 cuDNN multiplies in full float32.

That is no proof of the same bits. cuDNN's own release notes (8.0.1, "Limitations") say that its
RNNs may differ from run to run where cuBLAS works in several streams, for which others set
CUBLAS_WORKSPACE_CONFIG (PyTorch's notes on ``nn.LSTM``), and one report says that LSTMs and GRUs
did differ (tensorflow issue 59281, TensorFlow 2.9).
"""

from __future__ import annotations

import keras
import tensorflow as tf


def cudnn_eligible(model: keras.Model) -> bool:
    """Return whether every LSTM of ``model`` is set up so that a GPU runs it by cuDNN.

    Asked on any machine: the answer is about the layers, whether or not there is a GPU.
    """
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.LSTM)]
    return bool(layers) and all(
        layer.use_cudnn in ("auto", True)
        and not layer.unroll
        and layer.use_bias
        and layer.activation is keras.activations.tanh
        and layer.recurrent_activation is keras.activations.sigmoid
        and not layer.recurrent_dropout
        for layer in layers
    )


def cudnn_kernels(function: tf.types.experimental.ConcreteFunction) -> int:
    """Return how many cuDNN recurrent kernels stand in a traced function, those it calls included.

    ``function`` is what ``tf_function.get_concrete_function(...)`` returns.
    """
    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(node for inner in graph.library.function for node in inner.node_def)]
    return sum(node.op.startswith("CudnnRNN") and "Backprop" not in node.op for node in nodes)
