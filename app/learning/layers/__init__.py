"""Registry of the layers. A new layer is one class in one of these modules, and one test."""

from app.learning.layers import activations, convolution, linear, normalisation, regularisation, structure
from app.learning.layers.activations import ReLU, Sigmoid, Softmax, Tanh
from app.learning.layers.entry import Layer, LayerShape, Shape
from app.learning.layers.initialisation import Normal
from app.learning.layers.linear import Linear

__all__ = ["LAYERS", "Layer", "LayerShape", "Linear", "Normal", "ReLU", "Shape", "Sigmoid", "Softmax", "Tanh"]

LAYERS: dict[str, type[Layer]] = {
    entry.type: entry
    for module in (linear, convolution, activations, regularisation, normalisation, structure)
    for entry in module.ENTRIES
}
