"""Request models of networks and runs."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema, model_validator

from app.constants import RESERVED_TAGS
from app.learning.architecture import with_outputs
from app.learning.errors import InvalidChoice
from app.learning.layers import Layer
from app.learning.layers.serialization import layers_from_json
from app.learning.optimizers import DEFAULT_OPTIMIZER
from app.learning.presets import PRESETS, under
from app.learning.schedules import DEFAULT_SCHEDULE
from app.messages import Fix
from app.runs.registry_requests import (
    AugmentationRequest,
    LayerRequest,
    LossRequest,
    OptimizerRequest,
    ScheduleRequest,
    StopRequest,
)
from app.runs.request_model import TEXT_SCHEMA, RequestModel, Text


class ModelRequest(RequestModel):
    """The network. The dataset gives the input shape. The output layer is appended unless you include it."""

    layers: list[LayerRequest] = Field(
        [{"type": "linear", "units": 256}, {"type": "relu"}],
        max_length=1000,
        validate_default=True,
        description="the layers from input to output; see GET /layers",
    )
    preset: Literal[tuple(PRESETS)] | None = Field(  # type: ignore[valid-type]
        None, description="a network by name instead of layers; see GET /presets", examples=["vgg_small"], exclude=True
    )

    model_config = ConfigDict(
        json_schema_extra={"not": {"required": ["layers", "preset"], "properties": {"preset": {"type": "string"}}}}
    )

    @model_validator(mode="before")
    @classmethod
    def _of_preset(cls, sent: Any) -> Any:
        """Insert a preset's layers. The field's own validation rejects an unknown preset."""
        if isinstance(sent, dict) and isinstance(name := sent.get("preset"), str) and name in PRESETS:
            if "layers" in sent:
                raise InvalidChoice("layers_and_preset")
            return sent | {"layers": PRESETS[name].layers}
        return sent

    def written(self, outputs: int) -> list[Layer]:
        """The layers as written; a preset's own output layer has as many units as are needed."""
        layers = layers_from_json(self.model_dump(mode="json")["layers"])
        return with_outputs(layers, PRESETS[self.preset].outputs, outputs) if self.preset else layers


def _fraction_or_count(size: float) -> float:
    if size >= 1 and size != int(size):
        raise InvalidChoice("not_a_fraction_or_count")
    return size


Share = Annotated[
    float,
    Field(ge=0, le=1e9, json_schema_extra={"not": {"minimum": 1, "not": {"multipleOf": 1}}}),
    AfterValidator(_fraction_or_count),
]


A_NUMBER_OF_FOLDS: dict[str, Any] = {"folds": {"type": "integer"}}
ITS_OWN_PARTS: dict[str, Any] = {"own": {"const": True}}


class SplitRequest(RequestModel):
    """The split: by fractions, by numbers of examples, by folds, or by the dataset's own parts."""

    validation: Share = Field(0.16, description="a fraction of all examples below 1, or a number of examples")
    test: Share = Field(0.2, description="a fraction of all examples below 1, or a number of examples")
    seed: int = Field(0, ge=0, lt=2**63, description="seed of the random split")
    stratify: bool = Field(True, description="give each part the same shares of the classes")
    own: bool | None = Field(
        None,
        description="use the parts that the dataset defines. null uses them if there are any and the request gives "
        "neither `test` nor `folds`. If the dataset has no validation part, it is drawn from the training part",
    )
    folds: int | None = Field(
        None, ge=2, le=100, description="k-fold cross-validation: the number of folds, one of which is the test part"
    )
    fold: int = Field(0, ge=0, lt=100, description="the fold to test on, counted from 0")

    model_config = ConfigDict(
        json_schema_extra={
            "not": {
                "anyOf": [
                    {"required": ["folds", "test"], "properties": A_NUMBER_OF_FOLDS},
                    {"required": ["own", "test"], "properties": ITS_OWN_PARTS},
                    {"required": ["folds", "own"], "properties": A_NUMBER_OF_FOLDS | ITS_OWN_PARTS},
                    {"required": ["fold"], "properties": {"fold": {"minimum": 1}, "folds": {"type": "null"}}},
                ]
            }
        }
    )

    @property
    def says_test(self) -> bool:
        return "test" in self.model_fields_set

    @model_validator(mode="after")
    def _fit_together(self) -> "SplitRequest":
        if self.folds is None and self.fold:
            raise InvalidChoice("fold_without_folds")
        if self.folds is not None and self.fold >= self.folds:
            raise InvalidChoice("fold_out_of_range", "/fold", Fix("/fold", self.folds - 1), limit=self.folds - 1)
        if self.folds is not None and self.own:
            raise InvalidChoice("folds_and_own")
        if self.says_test and (self.folds is not None or self.own):
            raise InvalidChoice("test_part_given_twice", given_by="folds" if self.folds else "own")
        tested = 1 / self.folds if self.folds else 0 if self.own else self.test
        if self.validation < 1 and tested < 1 and self.validation + tested >= 1:
            raise InvalidChoice("parts_too_large")
        return self


class ScalingRequest(RequestModel):
    """Scaling of tables. It is fitted on the training part and stored with the weights."""

    inputs: Literal["standard", "none"] = Field(
        "standard", description="`standard` gives each column mean 0 and standard deviation 1"
    )
    target: Literal["standard", "none"] = Field(
        "standard", description="`standard` scales a regression's target alike; metrics stay in its units"
    )


MOST_TAGS = 50


def _usable_keys(tags: dict[str, Any]) -> dict[str, Any]:
    for key in tags:
        if key.startswith(RESERVED_TAGS):
            raise InvalidChoice("reserved_tag", prefix=RESERVED_TAGS, tag=key[:50])
        if ":" in key:
            raise InvalidChoice("tag_with_colon", tag=key[:50])
    return tags


def tags_of(value: Any, schema: Any) -> Any:
    """The type of tags with values of this type, and their JSON schema."""
    keys = TEXT_SCHEMA | {"allOf": [{"pattern": rf"^(?!{re.escape(RESERVED_TAGS)})[^:]*$"}]}
    of_all = {"type": "object", "propertyNames": keys, "additionalProperties": schema, "maxProperties": MOST_TAGS}
    return Annotated[
        dict[Text, value], Field(max_length=MOST_TAGS), AfterValidator(_usable_keys), WithJsonSchema(of_all)
    ]


Tags: Any = tags_of(Text, TEXT_SCHEMA)


class RunRequest(RequestModel):
    """A training run. Only `dataset` is required; the defaults of all other fields train well."""

    name: Text | None = Field(None, description="a name for people; any text")
    dataset: Text = Field(
        examples=["notmnist"], description="id of a dataset, or its name for the newest version that is ready"
    )
    split: SplitRequest = Field(default_factory=SplitRequest, description="how the examples are divided into parts")
    normalise: Literal["unit", "standard", "none"] | None = Field(
        None,
        description="pictures: `standard`, the default, gives mean 0 and standard deviation 1; `unit` divides by 255",
    )
    scaling: ScalingRequest | None = Field(None, description="tables: by default `standard` for inputs and target")
    augment: AugmentationRequest | None = Field(
        None,
        description="pictures: random changes to each picture of a training batch",
        examples=[{"shift": 0.1, "rotate": 10}],
    )
    model: ModelRequest = Field(default_factory=ModelRequest, description="the network: layers, or a preset")
    loss: LossRequest | None = Field(
        None,
        description="by default cross_entropy, or mse for regression; without a name, the fields are the default's",
    )
    optimizer: OptimizerRequest = Field(
        DEFAULT_OPTIMIZER,
        validate_default=True,
        description="an optimizer's name, or an object with its fields; without a name they are Adam's; see GET "
        "/optimizers",
        examples=["sgd", {"lr": 0.01}],
    )
    schedule: ScheduleRequest = Field(
        DEFAULT_SCHEDULE,
        validate_default=True,
        description="the factor for lr in each step: a schedule's name, or an object with its fields",
    )
    batch_size: Annotated[int, Field(ge=1, le=10**7)] | Literal["full"] | None = Field(
        None,
        description='examples per batch; "full" is gradient descent on all training data. By default 16 to 128, '
        "depending on the size of the training part",
    )
    accumulate: int = Field(
        1,
        ge=1,
        le=10**4,
        description="number of batches per step, whose gradients are accumulated: a larger batch without more memory",
    )
    clip_norm: float | None = Field(
        None,
        gt=0,
        le=1e9,
        description="maximum L2 norm of the gradient over all parameters; a longer one is scaled down",
    )
    stop: StopRequest = Field(
        default_factory=StopRequest, description="when the training ends; merged field by field with the defaults"
    )
    seed: int = Field(
        0, ge=0, lt=2**63, description="seed of the initial weights, the batches and all other random choices"
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="`auto` is a GPU if the worker has one")
    precision: Literal["fp32", "bf16"] = Field("fp32", description="bf16: faster convolutions; weights stay fp32")
    tags: Tags = Field(
        default={},
        description="labels to filter runs by; keys that begin with antigrad. are reserved",
    )
    priority: int = Field(0, ge=-1000, le=1000, description="runs with a higher priority start first")

    @model_validator(mode="before")
    @classmethod
    def _completed(cls, sent: Any) -> Any:
        """Fill in a preset's recipe. If the request then has max_steps but not max_epochs, the default max_epochs does
        not apply."""
        if not isinstance(sent, dict):
            return sent
        model, completed = sent.get("model"), sent
        if isinstance(model, dict) and isinstance(name := model.get("preset"), str) and name in PRESETS:
            completed = under(PRESETS[name].request, sent)
        stop = completed.get("stop")
        if isinstance(stop, dict) and stop.get("max_steps") is not None and "max_epochs" not in stop:
            return completed | {"stop": stop | {"max_epochs": None}}
        return completed

    model_config = ConfigDict(
        json_schema_extra={
            "not": {
                "required": ["accumulate", "batch_size"],
                "properties": {"accumulate": {"minimum": 2}, "batch_size": {"const": "full"}},
            },
            "examples": [
                {
                    "dataset": "notmnist",
                    "model": {"layers": [{"type": "linear", "units": 256}, {"type": "relu"}]},
                    "optimizer": {"name": "adam", "lr": 0.001},
                    "stop": {"max_epochs": 20},
                }
            ],
        }
    )


class ResumeRequest(RequestModel):
    """Stop criteria for a continued run. They count from the run's start and replace those that the run has."""

    stop: dict[str, Any] = Field({}, description="the criteria to change, as for POST /runs")

    model_config = ConfigDict(json_schema_extra={"examples": [{"stop": {"max_epochs": 40}}]})
