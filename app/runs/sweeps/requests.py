"""Request models of sweeps."""

from collections.abc import Mapping
from itertools import combinations
from typing import Annotated, Any, Literal, Union, cast, get_args

from pydantic import (
    AfterValidator,
    AwareDatetime,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    Tag,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)

from app.learning.errors import InvalidChoice
from app.runs.request_model import TEXT_SCHEMA, RequestModel, Text, pattern
from app.runs.requests import RunRequest
from app.runs.sweeps.space import Choices, Parameter, Range, Space

MOST_TRIALS = 1000
MOST_SEEDS = 10
MOST_PARAMETERS = 20
Sampler = Literal["grid", "random", "tpe"]
SAMPLERS: tuple[Sampler, ...] = get_args(Sampler)

Path: Any = pattern(
    r"[a-z0-9_]{1,50}(\.[a-z0-9_]{1,50}){0,9}",
    "sweep_path_malformed",
    description="a path into the run's request: names and numbers of list items, joined by dots",
    examples=["optimizer.lr"],
)
Metric: Any = pattern(
    r"validation\.(loss|accuracy|mse|mae|r2|mape)", "sweep_metric_malformed", examples=["validation.accuracy"]
)
Condition = Annotated[
    dict[Path, Annotated[list[Any], Field(min_length=1, max_length=100)]],
    Field(max_length=MOST_PARAMETERS),
]
WHEN = "the parameter exists only if each of these others has one of the values"


class RangeRequest(RequestModel):
    """Numbers from `low` to `high`."""

    low: float = Field(ge=-1e18, le=1e18, description="the smallest value", examples=[0.0001])
    high: float = Field(ge=-1e18, le=1e18, description="the largest value", examples=[0.1])
    log: bool = Field(False, description="spread the values evenly over orders of magnitude; `low` is above 0")
    step: float | None = Field(None, gt=0, le=1e18, description="only `low`, `low` + step, `low` + 2 step …")
    integer: bool = Field(False, description="only whole numbers")
    when: Condition = Field(default={}, description=WHEN, examples=[{"optimizer.name": ["sgd", "momentum"]}])

    @model_validator(mode="after")
    def _is_a_range(self) -> "RangeRequest":
        if self.low >= self.high:
            raise InvalidChoice("sweep_range_empty", "/high")
        if self.log and (self.low <= 0 or self.step is not None):
            raise InvalidChoice("sweep_range_not_log", "/log")
        if self.integer and not all(float(n).is_integer() for n in (self.low, self.high, self.step or 1)):
            raise InvalidChoice("sweep_range_not_whole", "/integer")
        return self

    def parameter(self, name: str) -> Parameter:
        step = self.step or (1 if self.integer and not self.log else None)
        return Parameter(name, Range(self.low, self.high, self.log, step, self.integer), self.when)


class ChoicesRequest(RequestModel):
    """A few values."""

    choices: list[Any] = Field(min_length=1, max_length=MOST_TRIALS, description="the values", examples=[[16, 32, 64]])
    when: Condition = Field(default={}, description=WHEN, examples=[{"optimizer.name": ["sgd", "momentum"]}])

    def parameter(self, name: str) -> Parameter:
        return Parameter(name, Choices(self.choices), self.when)


class TogetherRequest(RequestModel):
    """Values of several fields that belong together. The name of such a parameter is free."""

    together: list[Annotated[dict[Path, Any], Field(min_length=1, max_length=MOST_PARAMETERS)]] = Field(
        min_length=1,
        max_length=MOST_TRIALS,
        description="in each item, values by path",
        examples=[[{"batch_size": 16, "optimizer.lr": 0.01}, {"batch_size": 128, "optimizer.lr": 0.05}]],
    )
    when: Condition = Field(default={}, description=WHEN, examples=[{"optimizer.name": ["sgd", "momentum"]}])

    def parameter(self, name: str) -> Parameter:
        return Parameter(name, Choices(self.together), self.when, is_joint=True)


def _kind(sent: Any) -> str:
    """The kind of a parameter, by the shape of what was sent."""
    if isinstance(sent, list):
        return "list"
    names = sent if isinstance(sent, Mapping) else vars(sent) if isinstance(sent, RequestModel) else ()
    return next((kind for kind in ("choices", "together") if kind in names), "range")


Values = Annotated[list[Any], Field(min_length=1, max_length=MOST_TRIALS)]
ParameterRequest = Annotated[
    Union[  # noqa: UP007
        Annotated[Values, Tag("list")],
        Annotated[ChoicesRequest, Tag("choices")],
        Annotated[TogetherRequest, Tag("together")],
        Annotated[RangeRequest, Tag("range")],
    ],
    Discriminator(_kind),
]
SpaceRequest = Annotated[dict[Path, ParameterRequest], Field(min_length=1, max_length=MOST_PARAMETERS)]


def space_of(sent: Mapping[str, Any]) -> Space:
    """The space of a request. Raises Invalid, whose pointer begins with the name of a parameter."""
    return Space(
        [
            Parameter(name, Choices(entry)) if isinstance(entry, list) else entry.parameter(name)
            for name, entry in sent.items()
        ]
    )


def _each_once(seeds: list[int]) -> list[int]:
    if len(set(seeds)) < len(seeds):
        raise InvalidChoice("seeds_repeat")
    return seeds


Seeds = Annotated[
    list[Annotated[int, Field(ge=0, lt=2**63)]],
    Field(min_length=1, max_length=MOST_SEEDS, json_schema_extra={"uniqueItems": True}),
    AfterValidator(_each_once),
]


def _as_sent(sent: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """Check a run's request, and keep it as it was sent: a trial's values are put into it before it is completed."""
    validate(sent)
    return sent


Base = Annotated[RunRequest, WrapValidator(_as_sent), PlainSerializer(lambda sent: sent, return_type=dict[str, Any])]


class HalvingRequest(RequestModel):
    """Successive halving: all trials train for a few epochs, and only the best of them go on to the next rung."""

    reduction: int = Field(3, ge=2, le=10, description="one of so many trials goes on, with so many times the epochs")


WITH_COLON = "^[^:]+:.*$"
RunTag = Annotated[Text, Field(pattern=WITH_COLON), WithJsonSchema(TEXT_SCHEMA | {"allOf": [{"pattern": WITH_COLON}]})]


class KnownRequest(RequestModel):
    """Runs that exist, whose results guide the sampler: on the same dataset and split, within the space."""

    runs: list[Text] = Field(
        default=[], max_length=MOST_TRIALS, description="ids of runs", examples=[["run_01k9zj4c2m8s0q1v5w7x3y6t4a"]]
    )
    tag: RunTag | None = Field(
        None,
        description="key:value; all runs with this tag, such as antigrad.sweep:swp_01k9… for those of a sweep",
        examples=["course:ml"],
    )


class SearchRequest(RequestModel):
    """The space of a sweep, by its sampler. `grid` tries all combinations; `random` draws at random; `tpe`, a
    tree-structured Parzen estimator, draws near the best results so far."""

    grid: SpaceRequest | None = Field(
        None,
        description="every combination of these values, by path",
        examples=[{"optimizer.lr": [0.1, 0.01], "optimizer.name": ["sgd", "adam"]}],
    )
    random: SpaceRequest | None = Field(
        None,
        description="random values, by path: a list of choices, a range, or values that belong together",
        examples=[{"optimizer.lr": {"low": 0.0001, "high": 0.1, "log": True}, "batch_size": [16, 64]}],
    )
    tpe: SpaceRequest | None = Field(None, description="as for `random`, but new values follow from the results so far")

    @model_validator(mode="after")
    def _ranges_are_drawn(self) -> "SearchRequest":
        for name, entry in (self.grid or {}).items():
            if isinstance(entry, RangeRequest):
                raise InvalidChoice("sweep_range_in_grid", f"/grid/{name}")
        return self

    @property
    def sampler(self) -> Sampler | None:
        """The sampler that the request names; None if it names none."""
        return next((name for name in SAMPLERS if getattr(self, name) is not None), None)


def _one_of_samplers(least: int) -> dict[str, Any]:
    """The JSON schema's constraint: at least so many samplers, and at most one."""
    given = [{"required": [name], "properties": {name: {"type": "object"}}} for name in SAMPLERS]
    several: list[dict[str, Any]] = [{"allOf": list(pair)} for pair in combinations(given, 2)]
    none = {"allOf": [{"not": each} for each in given]}
    # As what must not be: generators of clients would make a type of each form of a `oneOf`.
    return {"not": {"anyOf": several + ([none] if least else [])}}


Trials = Annotated[int, Field(ge=1, le=MOST_TRIALS)]
Deadline = Annotated[AwareDatetime, Field(strict=False)]
TRIALS = "number of configurations; required but for `grid`, which by default tries all"
PARALLEL = "number of trials that wait or train at once; by default all, and 4 for `tpe`"
DEADLINE = "at this time the sweep ends with what it has; runs that still train are cancelled"


class SweepRequest(SearchRequest):
    """Many runs as one job: a run's request, and what varies in it."""

    name: Text | None = Field(None, description="a name for people; any text")
    base: Base = Field(description="the run, as for POST /runs")
    seeds: Seeds | None = Field(
        None, description="each configuration is trained with each of these seeds; by default that of `base`",
        examples=[[0, 1, 2]],
    )  # fmt: skip
    metric: Metric | None = Field(
        None,
        description="decides which trial is best; by default validation.accuracy, or validation.mse for regression",
    )
    trials: Trials | None = Field(None, description=TRIALS)
    parallel: Trials | None = Field(None, description=PARALLEL)
    deadline: Deadline | None = Field(None, description=DEADLINE, examples=["2030-01-01T00:00:00Z"])
    halving: HalvingRequest | None = Field(None, description="stop bad trials early; `base` needs `stop.max_epochs`")
    known: KnownRequest | None = Field(None, description="results of earlier runs to begin with")

    model_config = ConfigDict(
        json_schema_extra=_one_of_samplers(1)
        | {
            "examples": [
                {
                    "base": {"dataset": "digits", "stop": {"max_epochs": 10}},
                    "grid": {"optimizer.lr": [0.1, 0.01], "optimizer.name": ["sgd", "adam"]},
                    "seeds": [0, 1, 2],
                }
            ]
        }
    )

    @property
    def run(self) -> dict[str, Any]:
        """The run's request as it was sent."""
        return cast(dict[str, Any], self.base)

    @model_validator(mode="after")
    def _names_one_sampler(self) -> "SweepRequest":
        _refuse_several(self)
        if self.sampler is None:
            raise InvalidChoice("sweep_without_sampler", samplers=list(SAMPLERS))
        if self.trials is None and self.sampler != "grid":
            raise InvalidChoice("sweep_without_trials", "/trials", sampler=self.sampler)
        return self


class SweepChanges(SearchRequest):
    """Changes of a sweep; a field that is left out stays as it is. A sweep that has ended goes on."""

    trials: Trials | None = Field(None, description=TRIALS)
    parallel: Trials | None = Field(None, description=PARALLEL)
    deadline: Deadline | None = Field(None, description=DEADLINE + "; null for none", examples=["2030-01-01T00:00:00Z"])

    model_config = ConfigDict(json_schema_extra=_one_of_samplers(0) | {"examples": [{"trials": 60}]})

    @model_validator(mode="after")
    def _names_at_most_one_sampler(self) -> "SweepChanges":
        _refuse_several(self)
        return self


def _refuse_several(request: SearchRequest) -> None:
    named = [name for name in SAMPLERS if getattr(request, name) is not None]
    if len(named) > 1:
        raise InvalidChoice("sweep_with_samplers", f"/{named[1]}", samplers=named)
