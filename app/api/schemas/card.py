"""Response model of model cards."""

from typing import Any

from pydantic import BaseModel, Field

from app.api.schemas.datasets import ClassCount
from app.api.schemas.diagnosis import FindingAnswer, finding_answer
from app.api.schemas.evaluation import ClassificationEvaluation, RegressionEvaluation
from app.api.schemas.runs import A_RUN, THE_METRICS, Metrics, ResolvedRequest, metrics_answer
from app.api.schemas.times import AN_INSTANT, rfc3339
from app.runs.card import Card


class CardLayer(BaseModel):
    type: str = Field(examples=["conv2d"], description="the layer's type; see GET /layers")
    output_shape: list[int] = Field(description="without the batch dimension, channels first", examples=[[32, 28, 28]])
    parameters: int = Field(examples=[320], description="number of parameters")


class CardData(BaseModel):
    """The dataset of a run."""

    dataset: str = Field(description="id of the dataset's version", examples=["notmnist"])
    name: str = Field(description="the dataset's name", examples=["notmnist"])
    version: int = Field(description="number of the version", examples=[1])
    checksum: str = Field(description="SHA-256 over values, types, shapes and names")
    shape: list[int] = Field(description="shape of one input, channels first", examples=[[1, 28, 28]])
    classes: list[ClassCount] = Field(description="the classes with their numbers of examples; none for a regression")
    examples: dict[str, int] = Field(
        description="number of examples in each part", examples=[{"train": 6400, "validation": 1600, "test": 2000}]
    )
    remarks: list[str] = Field(description="what the import noticed, worst first")


class CardAnswer(BaseModel):
    """The model card of a run: what its network was made from, how good it is, and what it is not for."""

    run: str = Field(description="the run's id", examples=[A_RUN])
    name: str | None = Field(description="the name that the request gave it", examples=["letters, baseline"])
    task: str = Field(examples=["classification"], description="classification or regression")
    finished_at: str | None = Field(description="time at which the run ended", examples=[AN_INSTANT])
    data: CardData = Field(description="the data that it was trained on")
    request: ResolvedRequest = Field(
        description="all settings of the training, with every default filled in",
        examples=[{"batch_size": 128, "seed": 0}],
    )
    layers: list[CardLayer] = Field(description="the network; the layers of a block appear once for each repetition")
    parameters: int = Field(description="number of parameters of the network", examples=[203_530])
    environment: dict[str, Any] = Field(
        description="versions and threads of the training", examples=[{"antigrad": "0.2.0", "threads": 1}]
    )
    metrics: Metrics = Field(description="the metrics of each part", examples=[THE_METRICS])
    evaluation: ClassificationEvaluation | RegressionEvaluation | None = Field(
        description="of the test part, or else of the validation or training part; null before there is one"
    )
    diagnosis: list[FindingAnswer] = Field(description="what is wrong with the run, worst first")
    limits: list[str] = Field(
        description="what the figures do not show",
        examples=[["It knows 10 classes, and names one of them for every input, even for one of none of them."]],
    )
    usage: list[str] = Field(
        description="commands of a shell that predict with the run",
        examples=[[f"antigrad predict {A_RUN} picture.png"]],
    )


def card_answer(card: Card) -> CardAnswer:
    """The response for a card."""
    run, dataset = card.run, card.dataset
    evaluation = None
    if card.evaluation is not None:
        model = ClassificationEvaluation if run.task == "classification" else RegressionEvaluation
        evaluation = model.model_validate(card.evaluation)
    return CardAnswer(
        run=run.id,
        name=run.name,
        task=run.task,
        finished_at=rfc3339(run.finished_at),
        data=CardData(
            dataset=dataset.id,
            name=dataset.name,
            version=dataset.version,
            checksum=card.checksum,
            shape=dataset.about["shape"],
            classes=[ClassCount.model_validate(known) for known in dataset.about["classes"]],
            examples=run.environment.get("examples", {}),
            remarks=list(card.remarks),
        ),
        request=run.request,
        layers=[
            CardLayer(
                type=place.layer.type,
                output_shape=list(place.output_shape),
                parameters=place.layer.parameters(place.shape),
            )
            for place in card.layers
        ],
        parameters=card.parameters,
        environment=run.environment,
        metrics=metrics_answer(run),
        evaluation=evaluation,
        diagnosis=[finding_answer(finding) for finding in card.findings],
        limits=list(card.limits),
        usage=list(card.usage),
    )
