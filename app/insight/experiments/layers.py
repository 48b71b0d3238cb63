"""Experiments on nonlinearity and activations (L63–174)."""

from collections.abc import Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from app.insight.analysis.stacks import as_one_layer
from app.insight.diagnosis.facts import Facts
from app.insight.experiments.experiment import Experiment, Seen, Trial
from app.insight.experiments.recipes import DIGITS, hidden, network
from app.learning.architecture import build
from app.learning.layers import Layer, Linear
from app.learning.layers.activations import ReLU, Sigmoid, Tanh

LETTERS = {"dataset": "notmnist", "normalise": "unit", "stop": {"max_epochs": 10}}
WIDTH, CLASSES = 64, 10
# The initialisation that suits each.
INIT: dict[str, Literal["xavier", "he"]] = {"sigmoid": "xavier", "tanh": "xavier", "relu": "he"}


# linear_collapse


def circles(around: int = 100) -> tuple[Tensor, Tensor]:
    """Points (2N, 2) on circles of radius 1 and 1.5, and the circle (2N,) that each is on.

    A line classifies at most 63% of them correctly: it cuts off an arc of 2·arccos(1/1.5) from the outer circle.
    """
    angles = torch.arange(around) * (2 * torch.pi / around)
    circle = torch.stack([angles.cos(), angles.sin()], 1)
    return torch.cat([circle, 1.5 * circle]), torch.arange(2).repeat_interleave(around)


def accuracy_on_circles(*hidden: Layer) -> float:
    """Accuracy of a network on the circles' points, after 100 steps on all of them."""
    x, y = circles()
    model = build([*hidden, Linear(2)], (2,))
    adam = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(100):
        adam.zero_grad()
        F.cross_entropy(model(x), y).backward()  # type: ignore[no-untyped-call]
        adam.step()
    return float((model(x).argmax(1) == y).double().mean())


def see_linear_collapse(_: int, runs: Mapping[str, Facts]) -> Seen:
    parts: list[nn.Module] = [nn.Linear(2, 3), nn.Linear(3, 2)]  # the lecture's 2 inputs, 3 neurons, 2 neurons
    x = torch.randn(100, 2, dtype=torch.float64)
    one = as_one_layer(parts, (2,))
    with torch.no_grad():
        apart = float((nn.Sequential(*parts).double()(x) - (x @ one.weight + one.bias)).abs().max())
    on_circles = {
        "one_on_circles": accuracy_on_circles(),
        "five_on_circles": accuracy_on_circles(*[Linear(32)] * 4),
        "relu_on_circles": accuracy_on_circles(*[Linear(32), ReLU()] * 4),
    }
    trials = {"one": "one linear", "five": "five linear", "relu": "with ReLU"}
    on_letters = {name: runs[trial].score("test") for name, trial in trials.items()}
    linear = max(on_circles["one_on_circles"], on_circles["five_on_circles"])
    return Seen(
        on_circles | on_letters | {"apart": apart},
        shown=apart < 1e-6 and linear < 0.7 and on_circles["relu_on_circles"] > 0.95,
        details={"weight": one.weight.tolist(), "bias": one.bias.tolist()},
    )


LINEAR_COLLAPSE = Experiment(
    name="linear_collapse",
    about=("linear", "relu"),
    title="Linear layers on linear layers",
    lines="L63–97",
    claim="A network of linear layers, however many there are, can do no more than one of them.",
    right="True: two layers equal one layer with W = W₁W₂ and b = b₁W₂ + b₂. A nonlinearity between them makes the "
    "difference.",
    sentence="Of points on two concentric circles, one linear layer classifies {one_on_circles:.1%} correctly, five "
    "linear layers {five_on_circles:.1%}, and five with ReLU between them {relu_on_circles:.1%}. On test letters, "
    "such networks reach {one:.1%}, {five:.1%} and {relu:.1%}. The outputs of a 2-3-2 network and of the one "
    "equivalent layer differ by at most {apart}.",
    observe=see_linear_collapse,
    trials={
        "one linear": Trial(LETTERS | network()),
        "five linear": Trial(LETTERS | network(hidden(256, None, 4))),
        "with ReLU": Trial(LETTERS | network(hidden(256, "relu", 4))),
    },
)

# activations_in_depth

DEPTHS = (2, 4, 8, 12)


def backwards(layers: list[Layer], x: Tensor, y: Tensor) -> nn.Sequential:
    """A new network for inputs (N, D), with the gradients of its loss on classes (N,)."""
    model = build([*layers, Linear(CLASSES)], tuple(x.shape[1:]))
    F.cross_entropy(model(x), y).backward()  # type: ignore[no-untyped-call]
    return model


def gradient_norms(model: nn.Sequential) -> list[float]:
    """Gradient norms of the weights of each linear layer, in order."""
    norms = []
    for module in model.modules():
        if isinstance(module, nn.Linear):
            assert module.weight.grad is not None
            norms.append(float(module.weight.grad.norm()))
    return norms


def batch(examples: int = 256) -> tuple[Tensor, Tensor]:
    """Inputs (N, 64) from a normal distribution, and classes (N,) of ten."""
    return torch.randn(examples, WIDTH), torch.randint(CLASSES, (examples,))


def see_activations_in_depth(_: int, runs: Mapping[str, Facts]) -> Seen:
    x, y = batch()
    of: dict[str, type[Layer]] = {"sigmoid": Sigmoid, "tanh": Tanh, "relu": ReLU}
    norms = {
        (name, depth): gradient_norms(backwards([Linear(WIDTH, init=INIT[name]), of[name]()] * depth, x, y))
        for name in of
        for depth in DEPTHS
    }
    first_to_last = {name: norms[name, 12][0] / norms[name, 12][-2] for name in of}
    numbers = first_to_last | {f"{name}_learnt": runs[f"8 × {name}"].score("test") for name in of}
    return Seen(
        numbers,
        shown=first_to_last["sigmoid"] < 1e-4
        and all(first_to_last[name] > 0.05 for name in ("tanh", "relu"))
        and numbers["sigmoid_learnt"] < 0.4
        and min(numbers["tanh_learnt"], numbers["relu_learnt"]) > 0.8,
        details={"gradient_norms": {f"{depth} × {name}": by_layer for (name, depth), by_layer in norms.items()}},
    )


ACTIVATIONS_IN_DEPTH = Experiment(
    name="activations_in_depth",
    about=("sigmoid", "tanh", "relu"),
    title="Activations in deep networks",
    lines="L108–174",
    claim="In deep networks, the gradients of sigmoid and tanh vanish; ReLU solves that.",
    right="Sigmoid's derivative is at most ¼, so its gradients vanish. The derivative of tanh is 1 at 0: with Xavier "
    "initialisation, tanh goes as deep as ReLU does with He initialisation.",
    sentence="With 12 hidden layers, the gradient of the first is {sigmoid} times that of the last with sigmoid, "
    "{tanh} times with tanh and {relu} times with ReLU. Trained with 8, the networks classify {sigmoid_learnt:.1%}, "
    "{tanh_learnt:.1%} and {relu_learnt:.1%} of the test digits correctly.",
    observe=see_activations_in_depth,
    trials={
        f"8 × {name}": Trial(DIGITS | network(hidden(WIDTH, name, 8, init=init)) | {"stop": {"max_epochs": 12}})
        for name, init in INIT.items()
    },
)

# dead_relu


def dead(facts: Facts) -> float:
    """Largest share of dead units in a layer at the end of the run."""
    return max(layer["dead_units"].last for layer in facts.layers_with(lambda entry: entry.can_die))


def see_dead_relu(_: int, runs: Mapping[str, Facts]) -> Seen:
    sound, killed, leaky = (runs[name] for name in ("lr 0.01", "lr 1", "lr 1, leaky"))
    numbers = {
        "dead_before": dead(sound),
        "dead": dead(killed),
        "sound": sound.score("test"),
        "killed": killed.score("test"),
        "leaky": leaky.score("test"),
    }
    return Seen(
        numbers,
        shown=numbers["dead"] > 0.5 > numbers["dead_before"] and numbers["killed"] < numbers["sound"] - 0.2,
    )


def of_rate(lr: float, activation: str) -> Trial:
    layers = network(hidden(WIDTH, activation, 2))
    return Trial(DIGITS | layers | {"optimizer": {"name": "momentum", "lr": lr}, "stop": {"max_epochs": 8}})


DEAD_RELU = Experiment(
    name="dead_relu",
    about=("relu", "leaky_relu"),
    title="Dead units",
    lines="L172",
    claim="A ReLU unit that is negative for every example outputs zero and is no longer updated.",
    right="True, and one step that is too long is enough. A smaller learning rate keeps the units alive. A leaky ReLU "
    "has no dead units, but that alone does not make such steps good ones.",
    sentence="At a learning rate of 0.01, {dead_before:.1%} of the units in a layer are dead, and the test accuracy on "
    "digits is {sound:.1%}. At a rate of 1, these are {dead:.1%} and {killed:.1%}; with leaky ReLU, the accuracy is "
    "{leaky:.1%}.",
    observe=see_dead_relu,
    trials={
        "lr 0.01": of_rate(0.01, "relu"),
        "lr 1": of_rate(1.0, "relu"),
        "lr 1, leaky": of_rate(1.0, "leaky_relu"),
    },
)

# not_centred


class CentredSigmoid(nn.Module):
    """σ(x) − ½: the same slope everywhere, and centred on zero."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sigmoid() - 0.5


def one_sign(activation: nn.Module, x: Tensor) -> float:
    """Agreement in sign of the weight gradients of a unit after the activation, for one example; 1 is full agreement.

    The gradient is δ·a with one δ for all weights of the unit, so its signs agree where those of a do.
    """
    a = activation(nn.Linear(WIDTH, WIDTH)(x))
    δ = torch.randn(len(x), 1)
    return float((δ * a).detach().sign().mean(1).abs().mean())


def gradient_ratio(activation: nn.Module, weights: Tensor, x: Tensor, y: Tensor) -> float:
    """Ratio of the norms of ∂L/∂Z in the first and the last layer, for weights (layers, width, width).

    Z is the input of the activations. Gradients by weights would also be small where the outputs are small.
    """
    sums: list[Tensor] = []
    for weight in weights:
        sums.append((x @ weight).requires_grad_())
        sums[-1].retain_grad()
        x = activation(sums[-1])
    F.cross_entropy(x[:, :CLASSES], y).backward()  # type: ignore[no-untyped-call]
    first, last = (z.grad for z in (sums[0], sums[-1]))
    assert first is not None and last is not None
    return float(first.norm() / last.norm())


def see_not_centred(_: int, __: Mapping[str, Facts]) -> Seen:
    x, y = batch()
    signs = {name: one_sign(part, x) for name, part in (("sigmoid", nn.Sigmoid()), ("tanh", nn.Tanh()))}
    weights = torch.randn(8, WIDTH, WIDTH) / WIDTH**0.5  # as Xavier initialisation
    ratios = {
        "as_it_is": gradient_ratio(nn.Sigmoid(), weights, x, y),
        "centred": gradient_ratio(CentredSigmoid(), weights, x, y),
        "of_tanh": gradient_ratio(nn.Tanh(), weights, x, y),
    }
    shown = signs["sigmoid"] == 1 and signs["tanh"] < 0.3 and max(ratios["as_it_is"], ratios["centred"]) < 1e-3
    return Seen(signs | ratios, shown and ratios["of_tanh"] > 0.1)


NOT_CENTRED = Experiment(
    name="not_centred",
    about=("sigmoid", "tanh"),
    title="Not centred on zero",
    lines="L141, L153, L173",
    claim="Sigmoid is not centred on zero, which may make gradients vanish.",
    right="Gradients vanish where sigmoid saturates, and because its slope is at most ¼, whether it is centred or not. "
    "Outputs that are not centred give all weight gradients of a unit in the next layer the same sign, so the descent "
    "zigzags.",
    sentence="After sigmoid, the signs of a unit's weight gradients for one example agree by {sigmoid} (1 is full "
    "agreement), after tanh by {tanh}. Over 8 layers, {as_it_is} of the gradient is left with sigmoid, {centred} with "
    "a centred sigmoid, and {of_tanh} with tanh, whose slope is 1 at 0.",
    observe=see_not_centred,
)

# odd_activations


def see_odd_activations(_: int, runs: Mapping[str, Facts]) -> Seen:
    numbers = {name: facts.score("test") for name, facts in runs.items()}
    numbers |= {"log_steps": len(runs["log"].loss.values)}
    return Seen(numbers, shown=runs["log"].diverged and min(numbers["relu"], numbers["sine"]) > numbers["square"] + 0.3)


ODD_ACTIVATIONS = Experiment(
    name="odd_activations",
    about=("square", "sine", "log"),
    title="Squaring, sine and logarithm",
    lines="L106–109",
    claim="In practice, the nonlinearity is some operation such as squaring, sine or logarithm.",
    right="In practice it is ReLU or one of its relatives. The others have the faults that the lecture warns of two "
    "lines below: negative numbers have no logarithm, and squares of small numbers shrink from layer to layer. Sine, "
    "which is nearly x around 0, does learn.",
    sentence="With six hidden layers, the test accuracy on digits is {relu:.1%} with ReLU, {sine:.1%} with sine and "
    "{square:.1%} with squaring. With the logarithm, the run ends at step {log_steps}, because its loss is not a "
    "number.",
    observe=see_odd_activations,
    trials={
        name: Trial(DIGITS | network(hidden(WIDTH, name, 6)) | {"stop": {"max_epochs": 6}})
        for name in ("relu", "sine", "square", "log")
    },
)

EXPERIMENTS = (LINEAR_COLLAPSE, ACTIVATIONS_IN_DEPTH, DEAD_RELU, NOT_CENTRED, ODD_ACTIVATIONS)
