"""The network of a description: for the sizes that it gives, or for those of a dataset."""

from dataclasses import dataclass

from app.api.schemas.architectures import InspectRequest
from app.api.schemas.runs import Warned
from app.datasets.splits import SplitSpec
from app.insight.analysis.stacks import chains
from app.insight.analysis.warnings import MOST_PARAMETERS, of_architecture, of_optimizer
from app.learning.architecture import rows, with_output_layer
from app.learning.layers import Layer, Shape
from app.learning.layers.serialization import layers_from_json
from app.learning.losses import MSE, CrossEntropy
from app.learning.optimizers import Optimizer, optimizer_from_json
from app.runs.resolution import folder_of, resolve, sizes
from app.storage import datasets
from app.storage.database import Database
from app.storage.files import Files


@dataclass(frozen=True)
class DescribedNetwork:
    """A network with its training: `written` layers are those of the description, and the output layer may follow.
    `examples` are those of the training part, if there is a dataset."""

    layers: list[Layer]
    written: int
    shape: Shape
    batch_size: int
    optimizer: Optimizer
    warnings: list[Warned]
    examples: int | None = None


def described_network(body: InspectRequest, database: Database, files: Files) -> DescribedNetwork:
    """The network that is described, with its warnings. It is not built.

    Raises InvalidChoice; with a dataset, what `resolve` raises, and NotFound if there is none of this name.
    """
    written = body.model.written(body.outputs)
    if body.dataset is None:
        shape = tuple(body.input_shape)
        layers = with_output_layer(written, body.outputs)
        optimizer = optimizer_from_json(body.optimizer.model_dump(mode="json"))
        loss = CrossEntropy() if body.outputs > 1 else MSE()
        chain = next(chains(rows(layers, shape, MOST_PARAMETERS)))
        warnings = [*of_architecture(layers, shape, loss, body.batch_size), *of_optimizer(chain, optimizer)]
        warned = [Warned(**vars(warning)) for warning in warnings]
        return DescribedNetwork(layers, len(written), shape, body.batch_size, optimizer, warned)
    with database.read() as db:
        dataset = datasets.get(db, body.dataset)
    request, of_run = resolve(body.as_run(), dataset, files)
    examples, _ = sizes(files, folder_of(dataset), SplitSpec.of(request["split"]))
    return DescribedNetwork(
        layers=layers_from_json(request["model"]["layers"]),
        written=len(written),
        shape=tuple(dataset.about["shape"]),
        batch_size=examples if request["batch_size"] == "full" else request["batch_size"],
        optimizer=optimizer_from_json(request["optimizer"]),
        warnings=[Warned(**warning) for warning in of_run],
        examples=examples,
    )
