"""Networks before any training: what a description comes to, and the presets to begin with."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from app.api.answers import Warned
from app.api.problems import nearest, problems
from app.api.requests import ModelRequest
from app.api.strict import Strict
from app.errors import Invalid, Malformed, NotFound
from app.learning.architecture import rows, spread, with_output_layer
from app.learning.export import layers_from_json
from app.learning.insight.warnings import of_architecture
from app.learning.presets import PRESETS, Preset

router = APIRouter(tags=["architectures"], responses=problems(Invalid))

MOST_PARAMETERS = 10**9 - 1  # nothing is allocated
Side = Annotated[int, Field(ge=1, le=100_000)]


class InspectRequest(Strict):
    """A network, and what goes into it and comes out."""

    model: ModelRequest = Field(default_factory=ModelRequest)
    input_shape: list[Side] = Field(
        [1, 28, 28], min_length=1, max_length=3, description="channels, height, width; or the columns of a table"
    )
    outputs: int = Field(10, ge=1, le=10**6, description="classes, or 1 for a regression")


class Row(BaseModel):
    type: str = Field(examples=["conv2d"])
    pointer: str | None = Field(description="to the layer in the request; null for one that nobody wrote")
    output_shape: list[int] = Field(description="without the batch, channels first", examples=[[32, 28, 28]])
    parameters: int = Field(examples=[320])
    multiply_adds: int = Field(description="for one example", examples=[225_792])


class Total(BaseModel):
    parameters: int = Field(examples=[203_530])
    multiply_adds: int = Field(description="for one example", examples=[203_264])


class Inspection(BaseModel):
    """Each layer from the input to the output: a block's as often as it repeats."""

    layers: list[Row]
    total: Total
    warnings: list[Warned]


@router.post("/architectures/inspect", summary="What a network comes to", responses=problems(Malformed))
def inspect(body: InspectRequest) -> Inspection:
    """Shapes, parameters and products by layer, and what a teacher would say. Nothing is allocated."""
    written = layers_from_json(body.model.model_dump(mode="json")["layers"])
    layers = with_output_layer(written, body.outputs)
    appended = f"/model/layers/{len(written)}"
    found = [
        Row(
            type=place.layer.type,
            pointer=None if place.implied or pointer == appended else pointer,
            output_shape=list(place.output_shape),
            parameters=place.layer.parameters(place.shape),
            multiply_adds=place.layer.multiply_adds(place.shape),
        )
        for pointer, place in spread(rows(layers, tuple(body.input_shape), MOST_PARAMETERS), opened=("block",))
    ]
    total = Total(
        parameters=sum(row.parameters for row in found), multiply_adds=sum(row.multiply_adds for row in found)
    )
    loss = "cross_entropy" if body.outputs > 1 else "mse"
    said = [Warned(**vars(warning)) for warning in of_architecture(layers, loss, body.outputs)]
    return Inspection(layers=found, total=total, warnings=said)


class PresetAnswer(BaseModel):
    """A network by name. `request` is a whole run's but for its dataset; every field may be given otherwise."""

    name: str = Field(examples=["vgg_small"])
    summary: str
    input_shape: list[int] = Field(description="what it is made for", examples=[[1, 28, 28]])
    outputs: int = Field(examples=[10])
    layers: list[dict[str, Any]] = Field(description="what the name stands for")
    request: dict[str, Any] = Field(examples=[{"model": {"preset": "vgg_small"}, "batch_size": 64}])


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
    )


@router.get("/presets", summary="Networks to begin with")
def list_presets() -> PresetList:
    return PresetList(items=[preset_answer(preset) for preset in PRESETS.values()])


@router.get("/presets/{name}", summary="One preset as a request", responses=problems(NotFound))
def get_preset(name: Annotated[str, Path(max_length=100)]) -> PresetAnswer:
    if name not in PRESETS:
        raise NotFound(f"no preset is called {name!r}; there are {', '.join(PRESETS)}{nearest(name, list(PRESETS))}")
    return preset_answer(PRESETS[name])
