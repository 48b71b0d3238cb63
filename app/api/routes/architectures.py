"""Inspection of networks before training, and presets."""

from typing import Annotated

from fastapi import Path
from torch import nn

from app.api.deps import DatabaseDep, FilesDep, RunDep
from app.api.described_network import DescribedNetwork, described_network
from app.api.problems import problems
from app.api.router import Router
from app.api.schemas.architectures import (
    Inspection,
    InspectRequest,
    LayerRow,
    LinearStackAnswer,
    MemoryAnswer,
    PresetAnswer,
    PresetList,
    TimeAnswer,
    Total,
)
from app.api.schemas.runs import Warned
from app.api.scopes import READ
from app.datasets.splits import SplitSpec
from app.errors import Conflict, Invalid, Malformed, NotFound
from app.insight.analysis.memory import memory
from app.insight.analysis.stacks import Chain, LinearStack, as_one_layer, chains, modules_of_chains, stacks
from app.insight.analysis.warnings import MOST_PARAMETERS
from app.learning.architecture import flatten_layers, rows
from app.learning.layers import Layer, Shape
from app.learning.layers.serialization import layers_from_json
from app.learning.layers.structure import counted
from app.learning.optimizers import optimizer_from_json
from app.learning.presets import PRESETS, Preset
from app.learning.serialization import from_safetensors
from app.runs.estimates import epoch_time
from app.runs.resolution import folder_of, sizes
from app.storage import datasets
from app.storage.database import Database
from app.storage.jsonable import number
from app.storage.trainings import recent_trainings
from app.suggestions import closest

router = Router(tags=["architectures"], responses=problems(Invalid), dependencies=[READ])

MOST_NUMBERS = 250_000  # in a matrix of an answer


@router.post("/architectures/inspect", summary="Inspect a network", responses=problems(NotFound, Malformed, Conflict))
def inspect_architecture(body: InspectRequest, database: DatabaseDep, files: FilesDep) -> Inspection:
    """Shapes, parameters, multiply-adds and memory of a network, with warnings. The network is not built.

    With `dataset`, its sizes and everything else are those of a run with this request, and `epoch_time` is how long an
    epoch should take."""
    network = described_network(body, database, files)
    layers, shape = network.layers, network.shape
    return Inspection(
        layers=_rows(layers, shape, network.written),
        total=_total(layers, shape),
        memory=MemoryAnswer(**vars(memory(layers, shape, network.batch_size, network.optimizer, MOST_PARAMETERS))),
        epoch_time=_epoch_time(network, database),
        linear_stacks=[_stack(stack) for chain in _chains(layers, shape) for stack in stacks(chain)],
        warnings=network.warnings,
    )


@router.get("/runs/{id}/architecture", summary="Inspect a run's network", responses=problems(NotFound))
def inspect_run(run: RunDep, database: DatabaseDep, files: FilesDep) -> Inspection:
    """Inspection of a run's network, with the run's warnings.

    After training, each linear stack has the one matrix and bias that compute the same outputs, to within 1e-6.
    """
    with database.read() as db:
        dataset = datasets.get(db, run.dataset)
    layers, shape = layers_from_json(run.request["model"]["layers"]), tuple(dataset.about["shape"])
    batch_size = run.request["batch_size"]
    if batch_size == "full":
        batch_size, _ = sizes(files, folder_of(dataset), SplitSpec.of(run.request["split"]))
    optimizer = optimizer_from_json(run.request["optimizer"])
    by_chain = [list(stacks(chain)) for chain in _chains(layers, shape)]
    answers: list[LinearStackAnswer] = []
    if run.weights is None or not any(by_chain):
        answers = [_stack(stack) for chain in by_chain for stack in chain]
    else:
        model = from_safetensors(files.read(run.weights)).model
        assert isinstance(model, nn.Sequential)  # `build` returns one
        for chain, parts in zip(by_chain, modules_of_chains(model), strict=True):
            answers += [_stack(stack, parts[stack.start : stack.start + len(stack.chain)]) for stack in chain]
    return Inspection(
        layers=_rows(layers, shape, written=len(layers)),
        total=_total(layers, shape),
        memory=MemoryAnswer(**vars(memory(layers, shape, batch_size, optimizer, MOST_PARAMETERS))),
        linear_stacks=answers,
        warnings=[Warned(**warning) for warning in run.warnings or []],
    )


def _epoch_time(network: DescribedNetwork, database: Database) -> TimeAnswer | None:
    if network.examples is None:
        return None
    with database.read() as db:
        recent = recent_trainings(db)
    estimate = epoch_time(network.layers, network.shape, network.batch_size, network.examples, recent)
    return None if estimate is None else TimeAnswer(**vars(estimate))


def _chains(layers: list[Layer], shape: Shape) -> list[Chain]:
    return list(chains(rows(layers, shape, MOST_PARAMETERS)))


def _rows(layers: list[Layer], shape: Shape, written: int) -> list[LayerRow]:
    """One row for each layer; the service has appended those after the first `written`."""
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
    """The answer for a stack, with W and b if the trained parts are given and W and b are small enough."""
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


@router.get("/presets", summary="List presets: ready-made networks")
def list_presets() -> PresetList:
    """Each with its layers, and with advantages and drawbacks."""
    return PresetList(items=[preset_answer(preset) for preset in PRESETS.values()])


@router.get("/presets/{name}", summary="Get one preset as a request", responses=problems(NotFound))
def get_preset(
    name: Annotated[str, Path(max_length=100, description="the preset's name", examples=["vgg_small"])],
) -> PresetAnswer:
    """`request` is complete but for the dataset; change what you like and send it to `POST /runs`."""
    if name not in PRESETS:
        raise NotFound("no_such_preset", preset=name, presets=list(PRESETS), near=closest(name, PRESETS))
    return preset_answer(PRESETS[name])
