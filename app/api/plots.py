"""The loss curve as the lecture draws it: title, axis labels and grid; what is not finite is a marked gap."""

import io
from typing import Literal

import numpy as np
from matplotlib.figure import Figure

from app.storage.curves import Series

Format = Literal["png", "svg"]


def draw(series: dict[str, Series], title: str, format: Format) -> bytes:
    """Losses on the left axis, accuracies (and R²) on the right one."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    losses = figure.subplots()
    losses.set(xlabel="step", ylabel="loss")
    losses.set_title(title, parse_math=False)  # a name may hold a $
    losses.grid(alpha=0.3)
    shares = losses.twinx() if any(not is_loss(name) for name in series) else None
    if shares is not None:
        shares.set(ylabel="accuracy")
    for index, (name, points) in enumerate(sorted(series.items())):
        axes = losses if is_loss(name) or shares is None else shares
        finite = np.isfinite(points.values)
        gaps = np.where(finite, points.values, np.nan)
        many = len(points.steps) > 50
        axes.plot(
            points.steps,
            gaps,
            color=f"C{index}",
            linewidth=0.7 if many else 1.5,
            linestyle="-" if is_loss(name) else "--",
            marker=None if many else ".",
            label=name,
        )
        for step in points.steps[~finite][:100]:
            axes.axvline(step, color="red", alpha=0.4, linewidth=1)
        if not finite.all():
            axes.plot([], [], color="red", label=f"{name} is not finite")
    if series:
        figure.legend(loc="outside lower center", ncols=4, fontsize=8)
    file = io.BytesIO()
    figure.savefig(file, format=format, dpi=110)
    return file.getvalue()


def is_loss(name: str) -> bool:
    return name.endswith((".loss", ".mse", ".mae"))
