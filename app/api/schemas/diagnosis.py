"""Response models of diagnostics and diagnoses."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from app.api.schemas.curves import Points
from app.api.schemas.messages import MessageAnswer
from app.insight.diagnosis.rule import Finding
from app.storage.jsonable import Number, jsonable


class LayerDiagnostics(BaseModel):
    """One layer over time. Every layer has the mean and standard deviation of its outputs. A layer that learns has the
    L2 norms of its gradient and of its parameters, the size of an update as a share of the latter, and the share of
    units with the same weights as the first unit. A ReLU has the share of dead units (0 for every example of the
    probe), a sigmoid or tanh the share of saturated outputs. The input has the root mean square of its largest and its
    smallest column."""

    layer: str = Field(
        description="index in the network, or `input`; within a block also repetition and index, such as 3.0.1",
        examples=["0"],
    )
    pointer: str = Field(description="JSON pointer to the layer in the run's request", examples=["/model/layers/0"])
    type: str = Field(examples=["linear"], description="the layer's type; see GET /layers")
    measures: dict[str, Points] = Field(
        description="gradient_norm, weight_norm, update_ratio, twin_units, dead_units, saturated_units, "
        "activation_mean, activation_spread, largest_column, smallest_column; only those that apply to the layer",
        examples=[{"gradient_norm": {"step": [1, 2, 4], "value": [0.91, 0.74, 0.52]}}],
    )


class DiagnosticsAnswer(BaseModel):
    """The layers in the network's order. `GET /runs/{id}/curve?series=layer.0.gradient_norm` gives a single series."""

    run: str = Field(description="id of the run")
    layers: list[LayerDiagnostics] = Field(description="the layers from input to output")


class FindingAnswer(BaseModel):
    """One cause, with the evidence and one change to try. Consequences of a cause are not reported separately."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "code": "learning_rate_too_high",
                    "severity": "error",
                    "finding": "with the learning rate 1 the loss rose from 2.32 to 2.07e+04 at step 6; one step "
                    "changed the weights of layer 2 (linear) by 100% of their size",
                    "evidence": {"learning_rate": 1.0, "first_loss": 2.32, "highest_loss": 20700.0, "step": 6,
                                 "layer": "2", "update_ratio": 1.0},
                    "try": 'set "optimizer": {"lr": 0.1}',
                    "advice": {"code": "set_field", "params": {"path": "optimizer.lr", "json": "0.1"}},
                    "change": {"optimizer": {"lr": 0.1}},
                }
            ]
        },
    )  # fmt: skip

    code: str = Field(
        examples=["learning_rate_too_high"],
        description="stable code of the cause; docs/diagnosis.md has a section for each",
    )
    severity: Literal["error", "warning", "hint"] = Field(
        description="error: the network learns little or nothing; warning: it could learn better; hint: worth a look"
    )
    finding: str = Field(description="what happened, as a sentence with numbers")
    evidence: dict[str, Number | str | list[Number] | None] = Field(
        description="the numbers that `finding` mentions, by name"
    )
    text: str = Field(alias="try", description="one change to try")
    advice: MessageAnswer = Field(description="`try` as a code and its parameters")
    change: dict[str, Any] | None = Field(
        description="`try` as a merge patch (RFC 7396) for `POST /runs/{id}/again`; or `resume` alone, with the body "
        "for `POST /runs/{id}/resume`; null where a person has to look first",
        examples=[{"optimizer": {"lr": 0.1}}, {"resume": {"stop": {"max_epochs": 40}}}],
    )


def finding_answer(finding: Finding) -> FindingAnswer:
    """The response for a finding."""
    return FindingAnswer(
        code=finding.code,
        severity=finding.severity,
        finding=finding.finding,
        evidence=jsonable(dict(finding.evidence)),
        advice=MessageAnswer.of(finding.change.message),
        change=finding.change.to_json(),
        **{"try": finding.change.message.text()},
    )


class DiagnosisAnswer(RootModel[list[FindingAnswer]]):
    """Findings, worst first. Empty for a healthy run, or if no cause is certain."""
