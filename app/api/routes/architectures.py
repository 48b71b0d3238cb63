"""Networks before any training: what a description comes to, and the presets to begin with."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import nn

from app.api.deps import DatabaseDep, FilesDep, RunDep
from app.api.problems import problems
from app.api.schemas.answers import Warned
from app.datasets.splits import SplitSpec
from app.errors import Invalid, Malformed, NotFound
from app.insight.analysis.memory import memory
from app.insight.analysis.stacks import Chain, LinearStack, as_one_layer, chains, modules_of_chains, stacks
from app.insight.analysis.warnings import MOST_PARAMETERS, of_architecture, of_optimizer
from app.learning.architecture import flatten_layers, rows, with_output_layer
from app.learning.layers import Layer, Shape
from app.learning.layers.structure import counted
from app.learning.losses import MSE, CrossEntropy
from app.learning.optimizers import optimizer_from_json
from app.learning.presets import PRESETS, Preset
from app.learning.serialization import from_safetensors, layers_from_json
from app.runs.registry_requests import OptimizerRequest
from app.runs.request_model import RequestModel
from app.runs.requests import ModelRequest
from app.runs.resolution import folder_of, sizes
from app.storage import datasets
from app.storage.jsonable import Number, number
from app.suggestions import nearest

router = APIRouter(tags=["architectures"], responses=problems(Invalid))

Side = Annotated[int, Field(ge=1, le=100_000)]
MOST_NUMBERS = 250_000  # of a matrix in an answer


class InspectRequest(RequestModel):
    """A network, what goes into it and comes out, and how it would be trained."""

    model: ModelRequest = Field(default_factory=ModelRequest)
    input_shape: list[Side] = Field(
        [1, 28, 28], min_length=1, max_length=3, description="channels, height, width; or the columns of a table"
    )
    outputs: int = Field(10, ge=1, le=10**6, description="classes, or 1 for a regression")
    batch_size: int = Field(128, ge=1, le=10**7, description="examples at once: what is kept grows with them")
    optimizer: OptimizerRequest = Field(
        {"name": "adam"}, validate_default=True, description="it keeps up to two numbers beside each parameter"
    )

    @model_validator(mode="before")
    @classmethod
    def _of_preset(cls, sent: Any) -> Any:
        """A preset's batch and optimizer where the request does not say."""
        if isinstance(sent, dict) and isinstance(model := sent.get("model"), dict):
            preset = PRESETS.get(name) if isinstance(name := model.get("preset"), str) else None
            recipe = {} if preset is None else dict(preset.request)
            return {key: recipe[key] for key in ("batch_size", "optimizer") if recipe.get(key, "full") != "full"} | sent
        return sent

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": {"layers": [{"type": "linear", "units": 256}, {"type": "relu"}]},
                    "input_shape": [1, 28, 28],
                    "outputs": 10,
                    "batch_size": 128,
                }
            ]
        }
    )


class LayerRow(BaseModel):
    type: str = Field(examples=["conv2d"])
    pointer: str | None = Field(description="to the layer in the request; null for one that nobody wrote")
    output_shape: list[int] = Field(description="without the batch, channels first", examples=[[32, 28, 28]])
    parameters: int = Field(examples=[320])
    multiply_adds: int = Field(description="for one example", examples=[225_792])


class Total(BaseModel):
    parameters: int = Field(examples=[203_530])
    multiply_adds: int = Field(description="for one example", examples=[203_264])


class MemoryAnswer(BaseModel):
    """In bytes, of float32. A training takes the first four together, a prediction the first and the last."""

    parameters: int = Field(examples=[814_120])
    gradients: int = Field(description="of what is trainable", examples=[814_120])
    optimizer_state: int = Field(examples=[1_628_240])
    saved_for_backward: int = Field(
        description="what is kept of a batch on its way through, until the gradients come back", examples=[532_480]
    )
    inference: int = Field(
        description="the batch, and the most that lives beside it at once when nothing is kept", examples=[663_552]
    )


class LinearStackAnswer(BaseModel):
    """Linear layers with nothing nonlinear between them, and the one layer Y = XW + b that they are."""

    pointers: list[str] = Field(examples=[["/model/layers/0", "/model/layers/1"]])
    input_shape: list[int] = Field(examples=[[2]])
    output_shape: list[int] = Field(description="a shape of pictures is flattened in W and b", examples=[[2]])
    parameters: int = Field(description="of all of them", examples=[17])
    numbers: int = Field(description="of W and b", examples=[6])
    weight: list[list[Number]] | None = Field(
        None, description="W, a row an input; of a trained run, up to 250,000 numbers", examples=[[[0.5, 1], [2, 0]]]
    )
    bias: list[Number] | None = Field(None, description="b, one an output", examples=[[0.5, 0.25]])


class Inspection(BaseModel):
    """Each layer from the input to the output: a block's as often as it repeats."""

    layers: list[LayerRow]
    total: Total
    memory: MemoryAnswer
    linear_stacks: list[LinearStackAnswer]
    warnings: list[Warned]


@router.post("/architectures/inspect", summary="What a network comes to", responses=problems(Malformed))
def inspect(body: InspectRequest) -> Inspection:
    """Shapes, parameters, products and bytes, and what a teacher would say. Nothing is allocated."""
    written, shape = layers_from_json(body.model.model_dump(mode="json")["layers"]), tuple(body.input_shape)
    layers = with_output_layer(written, body.outputs)
    optimizer = optimizer_from_json(body.optimizer.model_dump(mode="json"))
    loss = CrossEntropy() if body.outputs > 1 else MSE()
    found = _chains(layers, shape)
    warnings = [*of_architecture(layers, shape, loss, body.batch_size), *of_optimizer(found[0], optimizer)]
    return Inspection(
        layers=_rows(layers, shape, written=len(written)),
        total=_total(layers, shape),
        memory=MemoryAnswer(**vars(memory(layers, shape, body.batch_size, optimizer, MOST_PARAMETERS))),
        linear_stacks=[_stack(stack) for chain in found for stack in stacks(chain)],
        warnings=[Warned(**vars(warning)) for warning in warnings],
    )


@router.get("/runs/{id}/architecture", summary="What a run's network comes to", responses=problems(NotFound))
def architecture(run: RunDep, database: DatabaseDep, files: FilesDep) -> Inspection:
    """As POST /architectures/inspect, with the run's own warnings. Of one that has been trained, linear layers with
    nothing between them come with the one matrix and bias that they are: their outputs are equal to 1e-6."""
    with database.read() as db:
        dataset = datasets.get(db, run.dataset)
    layers, shape = layers_from_json(run.request["model"]["layers"]), tuple(dataset.about["shape"])
    batch_size = run.request["batch_size"]
    if batch_size == "full":
        batch_size, _ = sizes(files, folder_of(dataset), SplitSpec.of(run.request["split"]))
    optimizer = optimizer_from_json(run.request["optimizer"])
    found = [list(stacks(chain)) for chain in _chains(layers, shape)]
    answers: list[LinearStackAnswer] = []
    if run.weights is None or not any(found):
        answers = [_stack(stack) for chain in found for stack in chain]
    else:
        model = from_safetensors(files.read(run.weights)).model
        assert isinstance(model, nn.Sequential)  # as `build` makes them
        for chain, parts in zip(found, modules_of_chains(model), strict=True):
            answers += [_stack(stack, parts[stack.start : stack.start + len(stack.chain)]) for stack in chain]
    return Inspection(
        layers=_rows(layers, shape, written=len(layers)),
        total=_total(layers, shape),
        memory=MemoryAnswer(**vars(memory(layers, shape, batch_size, optimizer, MOST_PARAMETERS))),
        linear_stacks=answers,
        warnings=[Warned(**warning) for warning in run.warnings or []],
    )


def _chains(layers: list[Layer], shape: Shape) -> list[Chain]:
    return list(chains(rows(layers, shape, MOST_PARAMETERS)))


def _rows(layers: list[Layer], shape: Shape, written: int) -> list[LayerRow]:
    """A row a layer; those behind the `written` ones are nobody's."""
    appended = f"/model/layers/{written}"
    return [
        LayerRow(
            type=place.layer.type,
            pointer=None if place.implied or pointer == appended else pointer,
            output_shape=list(place.output_shape),
            parameters=place.layer.parameters(place.shape),
            multiply_adds=place.layer.multiply_adds(place.shape),
        )
        for pointer, place in flatten_layers(rows(layers, shape, MOST_PARAMETERS), opened=("sequence",))
    ]


def _total(layers: list[Layer], shape: Shape) -> Total:
    return Total(**vars(counted(tuple(layers), shape)))


def _stack(stack: LinearStack, parts: list[nn.Module] | None = None) -> LinearStackAnswer:
    """With the numbers of the one layer where the trained parts are given and there are not too many."""
    answer = LinearStackAnswer(
        pointers=list(stack.pointers),
        input_shape=list(stack.shape),
        output_shape=list(stack.output_shape),
        parameters=stack.parameters,
        numbers=stack.numbers,
    )
    if parts is not None and stack.numbers <= MOST_NUMBERS:
        one = as_one_layer(parts, stack.shape)
        answer.weight = [[number(value) for value in row] for row in one.weight.tolist()]
        answer.bias = [number(value) for value in one.bias.tolist()]
    return answer


class PresetAnswer(BaseModel):
    """A network by name. `request` is a whole run's but for its dataset; every field may be given otherwise."""

    name: str = Field(examples=["vgg_small"])
    summary: str
    input_shape: list[int] = Field(description="what it is made for", examples=[[1, 28, 28]])
    outputs: int = Field(examples=[10])
    layers: list[dict[str, Any]] = Field(description="what the name stands for")
    request: dict[str, Any] = Field(examples=[{"model": {"preset": "vgg_small"}, "batch_size": 64}])
    advantages: list[str] = Field(examples=[["the most accurate of these on letters: 94 of 100"]])
    drawbacks: list[str] = Field(examples=[["another network in training than in evaluation: batch norm and dropout"]])


class PresetList(BaseModel):
    items: list[PresetAnswer]


def preset_answer(preset: Preset) -> PresetAnswer:
    return PresetAnswer(
        name=preset.name,
        summary=preset.summary,
        input_shape=list(preset.input_shape),
        outputs=preset.outputs,
        layers=preset.layers,
        request={"model": {"preset": preset.name}, **preset.request},
        advantages=list(preset.advantages),
        drawbacks=list(preset.drawbacks),
    )


@router.get("/presets", summary="Networks to begin with")
def list_presets() -> PresetList:
    return PresetList(items=[preset_answer(preset) for preset in PRESETS.values()])


@router.get("/presets/{name}", summary="One preset as a request", responses=problems(NotFound))
def get_preset(name: Annotated[str, Path(max_length=100)]) -> PresetAnswer:
    if name not in PRESETS:
        raise NotFound(f"no preset is called {name!r}; there are {', '.join(PRESETS)}{nearest(name, list(PRESETS))}")
    return preset_answer(PRESETS[name])
