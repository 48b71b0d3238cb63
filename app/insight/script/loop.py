"""The training loop of a script: over epochs and batches if the run can end only with an epoch, else over steps."""

from app.insight.script.criteria import watches
from app.insight.script.specification import ScriptSpec
from app.insight.script.text import broken, indented, written_out
from app.learning.augmentation import WHITE
from app.learning.losses import CrossEntropy
from app.learning.source import literal


def loop(run: ScriptSpec) -> list[str]:
    """Section of the training loop, which collects the loss of each step."""
    criteria = watches(run)
    before, after_epoch, after_step, behind = (
        [line for watch in criteria for line in getattr(watch, when)]
        for when in ("before", "after_epoch", "after_step", "behind")
    )
    shuffled = run.recipe.batch_size is not None or run.drawn_by_place
    order = f"order = torch.Generator().manual_seed({run.request['seed']})  # draws the batches"
    lines = ["", *([order] if shuffled else [])]
    if run.recipe.batch_size is None:
        draw = [f"batch = {PERMUTATION}"] if shuffled else []
        head, inner = _full_head(run), [*draw, *step(run), *after_epoch, *after_step]
    elif after_step or _limit_in_steps(run) is not None or run.recipe.stop.max_epochs is None:
        counted = (
            [] if run.recipe.schedule.needs_total and run.recipe.stop.max_epochs is not None else _steps_per_epoch(run)
        )
        head = _steps_head(run)
        lines += [*_endless(run), *(counted if after_epoch or "steps_per_epoch" in head else [])]
        inner = [*step(run), *_at_epochs_end(after_epoch), *after_step]
    else:
        head = f"for _ in tqdm.trange({run.recipe.stop.max_epochs}):"
        inner = [
            "# All examples once, in a new order.",
            f"for batch in {_split(run, PERMUTATION, run.recipe.batch_size * run.recipe.accumulate)}:",
            *indented(step(run)),
            *after_epoch,
        ]
    return [*lines, *before, "losses = []", head, *indented(inner), *behind]


PERMUTATION = "torch.randperm(len(X_train), generator=order)"


def steps_known(run: ScriptSpec) -> list[str]:
    """Code of `steps`, the most steps that the run may take, for the schedule."""
    if run.recipe.batch_size is None:
        return [f"steps = {_full_limit(run)}"]
    lines = [] if run.recipe.stop.max_epochs is None else _steps_per_epoch(run)
    by_epochs = f"{run.recipe.stop.max_epochs} * steps_per_epoch"
    match run.recipe.stop.max_steps, run.recipe.stop.max_epochs:
        case int(most), None:
            return [f"steps = {most}"]
        case None, _:
            return [*lines, f"steps = {by_epochs}"]
        case most, _:
            return [*lines, f"steps = min({most}, {by_epochs})"]


def step(run: ScriptSpec) -> list[str]:
    """Code of one step: the gradient of a batch, and the step against it."""
    lines = ["model.train()", "optimizer.zero_grad()  # gradients add up: clear the last ones"]
    if run.recipe.accumulate == 1:
        whole = run.recipe.batch_size is None and not run.drawn_by_place
        lines += [*_loss(run, "" if whole else "[batch]"), "loss.backward()"]
    else:
        summed = run.recipe.loss.reduction == "sum"
        share = [] if summed else _share(run)
        lines += [
            "step_loss = 0.0",
            f"for some in {_split(run, 'batch', run.recipe.batch_size or 0)}:",
            *indented([*share, *_loss(run, "[some]", "" if summed else "share * ")]),
            "    loss.backward()  # adds to the gradients so far",
            "    step_loss += loss.item()",
        ]
    if run.recipe.clip_norm is not None:
        lines.append(f"nn.utils.clip_grad_norm_(model.parameters(), {literal(run.recipe.clip_norm)})")
    lines.append("optimizer.step()")
    if run.has_schedule:
        lines.append("scheduler.step()")
    return [*lines, f"losses.append({'loss.item()' if run.recipe.accumulate == 1 else 'step_loss'})"]


def _share(run: ScriptSpec) -> list[str]:
    """Code of the share of the step's loss that the mean over some of its examples is."""
    if isinstance(run.recipe.loss, CrossEntropy) and run.recipe.loss.class_weights:
        return [
            "weight = class_weights[y_train[some]].sum()",
            "share = weight / class_weights[y_train[batch]].sum()  # of the whole step",
        ]
    return ["share = len(some) / len(batch)  # of the step's examples"]


def _loss(run: ScriptSpec, chosen: str, share: str = "") -> list[str]:
    x = f"X_train{chosen}" if run.recipe.augment is None else f"augmented(X_train{chosen})"
    if not run.bf16:
        return [f"loss = {share}loss_function(model({x}), y_train{chosen})"]
    return [
        f"with torch.autocast({'device' if run.cuda else literal('cpu')}, torch.bfloat16):",
        f"    output = model({x})",
        f"loss = {share}loss_function(output.float(), y_train{chosen})",
    ]


def augmenting(run: ScriptSpec) -> list[str]:
    """Section of the augmentation of a batch's pictures."""
    augment = run.recipe.augment
    if augment is None:
        return []
    noise = literal(augment.noise)
    by_kind = {"unit": noise, "standard": f"{noise} * {WHITE} / std", "none": f"{noise} * {WHITE}"}
    source = augment.source(by_kind[run.request["normalise"]])
    return [
        *written_out(source.names),
        f"draws = torch.Generator().manual_seed({run.request['seed'] + 1})  # draws the changes",
        "",
        "",
        "def augmented(x: Tensor) -> Tensor:",
        '    """Training pictures, each changed at random."""',
        *(row for code in source.code for row in broken(code, 4, before="x = ")),
        "    return x",
        "",
        "",
    ]


def splitting(run: ScriptSpec) -> list[str]:
    """Section that splits examples into batches of at least two."""
    if not run.needs_two_examples or run.recipe.batch_size is None:
        return []
    return [
        "def split(examples: Tensor, size: int) -> list[Tensor]:",
        '    """Batches. A single last example joins the batch before: batch norm needs two."""',
        "    batches = list(examples.split(size))",
        "    if len(batches) > 1 and len(batches[-1]) == 1:",
        "        batches[-2:] = [torch.cat(batches[-2:])]",
        "    return batches",
        "",
        "",
    ]


def _split(run: ScriptSpec, examples: str, size: int) -> str:
    return f"split({examples}, {size})" if run.needs_two_examples else f"{examples}.split({size})"


def _endless(run: ScriptSpec) -> list[str]:
    size = (run.recipe.batch_size or 0) * run.recipe.accumulate
    return [
        "",
        "",
        "def batches() -> Iterator[Tensor]:",
        '    """Indices of each step\'s examples: all once per epoch, each time in a new order."""',
        "    while True:",
        f"        yield from {_split(run, PERMUTATION, size)}",
        "",
        "",
    ]


def _steps_per_epoch(run: ScriptSpec) -> list[str]:
    size = (run.recipe.batch_size or 0) * run.recipe.accumulate
    if run.needs_two_examples:
        return [f"steps_per_epoch = len(split(torch.arange(len(X_train)), {size}))"]
    return [f"steps_per_epoch = math.ceil(len(X_train) / {size})"]


def _at_epochs_end(lines: list[str]) -> list[str]:
    return ["if len(losses) % steps_per_epoch == 0:  # the epoch is over", *indented(lines)] if lines else []


def _limit_in_steps(run: ScriptSpec) -> int | None:
    """Number of steps after which the run ended by the clock, or else must end."""
    return run.step if run.ended_by_the_clock else run.recipe.stop.max_steps


def _full_limit(run: ScriptSpec) -> int | None:
    limits = [limit for limit in (run.recipe.stop.max_steps, run.recipe.stop.max_epochs) if limit is not None]
    return min(limits, default=None)


def _full_head(run: ScriptSpec) -> str:
    limit = run.step if run.ended_by_the_clock else _full_limit(run)
    return f"for _ in {'tqdm.tqdm(itertools.count())' if limit is None else f'tqdm.trange({limit})'}:"


def _steps_head(run: ScriptSpec) -> str:
    limit = _limit_in_steps(run)
    if limit is None and run.recipe.stop.max_epochs is None:
        return "for batch in tqdm.tqdm(batches()):"
    if run.recipe.schedule.needs_total and not run.ended_by_the_clock:
        steps = "steps"
    elif run.recipe.stop.max_epochs is None or run.ended_by_the_clock:
        steps = str(limit)
    elif limit is None:
        steps = f"{run.recipe.stop.max_epochs} * steps_per_epoch"
    else:
        steps = f"min({limit}, {run.recipe.stop.max_epochs} * steps_per_epoch)"
    return f"for _, batch in zip(tqdm.trange({steps}), batches()):"
