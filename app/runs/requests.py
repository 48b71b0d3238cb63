"""Request models of networks and runs."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, field_validator, model_validator

from app.constants import RESERVED_TAGS
from app.learning.errors import InvalidChoice
from app.learning.presets import PRESETS, under
from app.messages import Fix
from app.runs.registry_requests import (
    AugmentationRequest,
    LayerRequest,
    LossRequest,
    OptimizerRequest,
    ScheduleRequest,
    StopRequest,
)
from app.runs.request_model import RequestModel, Text


class ModelRequest(RequestModel):
    """The network. The input shape follows from the dataset; the output layer is appended unless it is given."""

    layers: list[LayerRequest] = Field(
        [{"type": "linear", "units": 256}, {"type": "relu"}], max_length=1000, validate_default=True
    )
    preset: Literal[tuple(PRESETS)] | None = Field(  # type: ignore[valid-type]
        None, description="instead of layers: a network by name, see GET /presets", examples=["vgg_small"], exclude=True
    )

    @model_validator(mode="before")
    @classmethod
    def _of_preset(cls, sent: Any) -> Any:
        """A preset's layers; an unknown one is left for the field's own check."""
        if isinstance(sent, dict) and isinstance(name := sent.get("preset"), str) and name in PRESETS:
            if "layers" in sent:
                raise InvalidChoice("layers_and_preset")
            return sent | {"layers": PRESETS[name].layers}
        return sent


def _fraction_or_count(size: float) -> float:
    if size >= 1 and size != int(size):
        raise InvalidChoice("not_a_fraction_or_count")
    return size


Share = Annotated[float, Field(ge=0, le=1e9), AfterValidator(_fraction_or_count)]


class SplitRequest(RequestModel):
    """Fractions of the whole, or numbers of examples; or folds; or the dataset's own parts."""

    validation: Share = Field(0.16, description="a fraction below 1, or a number of examples")
    test: Share = Field(0.2, description="the same")
    seed: int = Field(0, ge=0, lt=2**63)
    stratify: bool = Field(True, description="each part has the classes in the same shares")
    own: bool | None = Field(
        None,
        description="take the parts that the dataset came with; null does so where there are some and nothing is said "
        "of a test part. Validation is drawn from the training part where there is none",
    )
    folds: int | None = Field(None, ge=2, le=100, description="k-fold: the test part is one of so many folds")
    fold: int = Field(0, ge=0, lt=100, description="which one, counted from 0")

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
    """For tables: fitted on the training part, kept with the weights."""

    inputs: Literal["standard", "none"] = "standard"
    target: Literal["standard", "none"] = "standard"


class RunRequest(RequestModel):
    """One training run. Only `dataset` is required; everything else has a default that trains well."""

    name: Text | None = None
    dataset: Text = Field(examples=["notmnist"])
    split: SplitRequest = Field(default_factory=SplitRequest)
    normalise: Literal["unit", "standard", "none"] | None = Field(
        None,
        description="pictures; `standard`, the default, gives them mean 0 and spread 1; `unit` divides by 255",
    )
    scaling: ScalingRequest | None = Field(None, description="tables; `standard` for both unless given")
    augment: AugmentationRequest | None = Field(
        None,
        description="pictures; how those of each training batch are changed, each by a draw of its own",
        examples=[{"shift": 0.1, "rotate": 10}],
    )
    model: ModelRequest = Field(default_factory=ModelRequest)
    loss: LossRequest | None = Field(None, description="cross_entropy, or mse for regression, unless given")
    optimizer: OptimizerRequest = Field({"name": "adam"}, validate_default=True)
    schedule: ScheduleRequest = Field(
        {"name": "constant"},
        validate_default=True,
        description="what lr is multiplied by in each step; a name, or an object with the schedule's fields",
    )
    batch_size: Annotated[int, Field(ge=1, le=10**7)] | Literal["full"] | None = Field(
        None,
        description='examples a step; "full" is gradient descent on all the training data; 16 to 128 unless given, by '
        "the size of the training part",
    )
    accumulate: int = Field(
        1, ge=1, le=10**4, description="batches a step: as a batch so many times as large, in the memory of one"
    )
    clip_norm: float | None = Field(
        None, gt=0, le=1e9, description="a gradient that is longer (L2, over all parameters) is shortened to this"
    )
    stop: StopRequest = Field(default_factory=StopRequest)
    seed: int = Field(0, ge=0, lt=2**63)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["fp32", "bf16"] = Field("fp32", description="bf16: quicker convolutions, weights stay fp32")
    tags: dict[Text, Text] = Field(
        default={}, max_length=50, description="to find runs by; keys that begin with antigrad. are the service's own"
    )
    priority: int = Field(0, ge=-1000, le=1000, description="higher first")

    @field_validator("tags")
    @classmethod
    def _nobody_elses(cls, tags: dict[str, str]) -> dict[str, str]:
        for key in tags:
            if key.startswith(RESERVED_TAGS):
                raise InvalidChoice("reserved_tag", prefix=RESERVED_TAGS, tag=key[:50])
        return tags

    @model_validator(mode="before")
    @classmethod
    def _completed(cls, sent: Any) -> Any:
        """A preset's recipe under whatever the request says. Then: who asks for so many steps, and says nothing of
        epochs, does not mean those that are the default."""
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
            "examples": [
                {
                    "dataset": "notmnist",
                    "model": {"layers": [{"type": "linear", "units": 256}, {"type": "relu"}]},
                    "optimizer": {"name": "adam", "lr": 0.001},
                    "stop": {"max_epochs": 20},
                }
            ]
        }
    )


class ResumeRequest(RequestModel):
    """Stop criteria for a continued run, counted from the run's start and merged with its own."""

    stop: dict[str, Any] = Field({})
