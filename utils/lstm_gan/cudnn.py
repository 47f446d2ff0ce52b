"""Whether a GPU runs a model's LSTMs by cuDNN's fused kernel."""

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
