"""The layers, an entry each: its fields, shape rule, module and formula. A new one is a class in one of these files."""

from app.learning.layers import activations, convolution, linear, regularisation, structure
from app.learning.layers.activations import ReLU, Sigmoid, Softmax, Tanh
from app.learning.layers.entry import Layer, Normal, Shape
from app.learning.layers.linear import Linear

__all__ = ["LAYERS", "Layer", "Linear", "Normal", "ReLU", "Shape", "Sigmoid", "Softmax", "Tanh"]

LAYERS: dict[str, type[Layer]] = {
    entry.type: entry
    for module in (linear, convolution, activations, regularisation, structure)
    for entry in module.ENTRIES
}
