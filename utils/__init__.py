"""The shared module of the course: everything a notebook imports.

Importing it sets two environment variables, which count only if they are set before
TensorFlow is loaded: Keras runs on TensorFlow, and TensorFlow's C++ log stays quiet
(Jupyter would show each of its lines as an error).
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
