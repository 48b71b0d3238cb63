"""Code of the stop criteria, one for each field of `Stop`. Each ends the loop by `break`; those that only bound the
number of steps are in the loop's range."""

from collections.abc import Callable
from dataclasses import dataclass

from app.insight.script.specification import PARTS, ScriptSpec
from app.learning.source import literal
from app.learning.stopping import DivergenceLimits, LossTarget, ParameterChangeLimit, PatienceLimit

Lines = tuple[str, ...]


@dataclass(frozen=True)
class Watch:
    """Lines that a criterion adds before the loop, after each epoch, after each step, and after the loop."""

    before: Lines = ()
    after_epoch: Lines = ()
    after_step: Lines = ()
    behind: Lines = ()


def watches(run: ScriptSpec) -> list[Watch]:
    """Code of the criteria that are on."""
    on = []
    for name, written in CRITERIA.items():
        if getattr(run.recipe.stop, name) is not None:
            on.append(written(run, getattr(run.recipe.stop, name)))
    return on


def in_the_range(run: ScriptSpec, limit: int) -> Watch:  # noqa: ARG001
    """No code: the loop's range ends the run."""
    return Watch()


def max_seconds(run: ScriptSpec, limit: float) -> Watch:
    if run.ended_by_the_clock:
        return Watch()  # the loop's range is the run's number of steps
    return Watch(
        before=("began = time.monotonic()",),
        after_step=(f"if time.monotonic() - began >= {literal(limit)}:", "    break"),
    )


def divergence(run: ScriptSpec, limits: DivergenceLimits) -> Watch:
    if not run.watches_divergence:
        return Watch()
    *statements, constant = run.recipe.loss.constant_source()
    examples = "len(y_train)" if run.one_output else "len(y_train), -1"
    of_a_batch: list[str] = []
    if run.recipe.loss.reduction == "sum" and run.recipe.batch_size is not None:
        size = run.recipe.batch_size * run.recipe.accumulate
        of_a_batch = [f"guess = guess * min({size}, len(y_train)) / len(y_train)  # for a batch"]
    return Watch(
        before=(
            "# The loss of the best constant prediction.",
            *statements,
            f"constant = {constant}",
            f"guess = loss_function(constant.expand({examples}), y_train)",
            *of_a_batch,
        ),
        after_step=(
            "# Diverged: the loss is NaN or ∞, or stays far above its start.",
            f"too_much = {literal(limits.factor)} * max(losses[0], guess.item())",
            f"if not math.isfinite(losses[-1]) or min(losses[-{limits.window}:]) > too_much:",
            '    print(f"diverged at step {len(losses)}: try a smaller learning rate")',
            "    break",
        ),
    )


def target_loss(run: ScriptSpec, target: LossTarget) -> Watch:  # noqa: ARG001
    value, window = literal(target.value), target.window
    if target.part == "validation":
        return Watch(after_epoch=(f'if evaluate(X_val, y_val)["loss"] <= {value}:', "    break"))
    if window == 1:
        return Watch(after_step=(f"if losses[-1] <= {value}:", "    break"))
    reached = f"len(losses) >= {window} and sum(losses[-{window}:]) / {window} <= {value}"
    return Watch(after_step=("# The loss is low enough, on average.", f"if {reached}:", "    break"))


def min_parameter_change(run: ScriptSpec, limit: ParameterChangeLimit) -> Watch:  # noqa: ARG001
    now = "torch.cat([p.detach().flatten() for p in model.parameters()])"
    change = "(weights - weights_before)" + (".abs().max()" if limit.norm == "max" else ".norm()")
    return Watch(
        before=(f"weights = {now}",),
        after_step=(
            "weights_before = weights",
            f"weights = {now}",
            f"if {change} < {literal(limit.threshold)}:  # they hardly change",
            "    break",
        ),
    )


def patience(run: ScriptSpec, limit: PatienceLimit) -> Watch:  # noqa: ARG001
    short = PARTS[limit.part]
    return Watch(
        before=("best_loss, best, epochs_since = math.inf, model.state_dict(), 0",),
        after_epoch=(
            f"# Patience: keep the parameters with the best {limit.part} loss.",
            f'epoch_loss = evaluate(X_{short}, y_{short})["loss"]',
            "if epoch_loss < best_loss:",
            "    best_loss, epochs_since = epoch_loss, 0",
            "    best = copy.deepcopy(model.state_dict())",
            "else:",
            "    epochs_since += 1",
            f"if epochs_since == {limit.epochs}:",
            "    break",
        ),
        behind=("model.load_state_dict(best)  # from the best epoch, not the last one",),
    )


CRITERIA: dict[str, Callable[..., Watch]] = {
    "max_epochs": in_the_range,
    "max_steps": in_the_range,
    "max_seconds": max_seconds,
    "min_parameter_change": min_parameter_change,
    "target_loss": target_loss,
    "patience": patience,
    "divergence": divergence,
}
