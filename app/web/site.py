"""All pages, in the order in which their addresses are matched."""

from app.web.pages import (
    assets,
    compare,
    datasets,
    learn,
    login,
    models,
    new_run,
    new_sweep,
    optimizers,
    queue,
    run,
    runs,
    start,
    sweeps,
    try_it,
)

PAGES = (
    login,
    assets,
    new_run,  # before the pages of runs: /ui/runs/new is no run
    runs,
    run,
    compare,
    datasets,
    try_it,
    optimizers,
    learn,
    models,
    new_sweep,  # before the pages of sweeps: /ui/sweeps/new is no sweep
    sweeps,
    queue,
    start,  # the last one: it answers at all other addresses below /ui
)
