"""Pages of the lecture: its sections, and the experiments that test its claims."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Path, Request
from fastapi.responses import HTMLResponse

from app.api.deps import DatabaseDep
from app.api.scopes import READ
from app.constants import ENDED
from app.errors import NotFound
from app.insight.experiments.experiment import Experiment, Seen, Verdict, spreads, verdict
from app.runs.experiments import SEED, TRIAL, calculated, latest, performance
from app.storage.database import Database
from app.storage.tables import Run
from app.web.lecture import SECTIONS, Section, translated
from app.web.page import Reader, page
from app.web.page_route import page_router

router = page_router()

FIRST_SEED = 0
CALCULATED = "antigrad_calculated"  # cookie with the names of calculated experiments, and dots between them


@dataclass(frozen=True)
class Test:
    """An experiment as a reader finds it: its newest performance, or its calculation, if either has been asked for."""

    experiment: Experiment
    status: str | None = None  # of the performance: running, ended or incomplete
    id: str | None = None
    runs: tuple[Run, ...] = ()
    verdict: Verdict | None = None
    sentence: str | None = None

    @property
    def trials(self) -> dict[str, list[Run]]:
        """Runs by the names of the trials."""
        return {name: [run for run in self.runs if run.tags[TRIAL] == name] for name in self.experiment.trials}

    @property
    def first(self) -> list[str]:
        """Ids of the runs with the first seed, which can be compared."""
        return [run.id for run in self.runs if run.tags[SEED] == self.runs[0].tags[SEED]]

    @property
    def ended(self) -> int:
        return sum(run.status in ENDED for run in self.runs)


@router.get("/learn", dependencies=[READ])
def show_contents(request: Request, database: DatabaseDep) -> HTMLResponse:
    """The sections, each with the number of claims that have been tested."""
    tested = set(latest(database)) | _asked_for(request)
    return page(
        request,
        "learn.html",
        chapters=[(section, [entry.name in tested for entry in section.experiments]) for section in SECTIONS],
        call={"method": "GET", "path": "/experiments", "cli": "antigrad experiments list"},
    )


@router.get("/learn/{name}", dependencies=[READ])
def show_section(request: Request, name: Annotated[str, Path(max_length=100)], database: DatabaseDep) -> HTMLResponse:
    """A section with its experiments. Raises NotFound."""
    place = next((place for place, section in enumerate(SECTIONS) if section.name == name), None)
    if place is None:
        raise NotFound("not_found")
    tests = _tests(SECTIONS[place], database, _asked_for(request), Reader.of(request).texts.language)
    first = tests[0].experiment.name
    return page(
        request,
        "lecture.html",
        section=SECTIONS[place],
        place=place + 1,
        before=SECTIONS[place - 1] if place else None,
        after=SECTIONS[place + 1] if place + 1 < len(SECTIONS) else None,
        of=len(SECTIONS),
        tests=tests,
        is_live=any(test.status == "running" for test in tests),
        call={"method": "POST", "path": f"/experiments/{first}", "cli": f"antigrad experiments run {first}"},
    )


def _asked_for(request: Request) -> set[str]:
    """Names of the experiments without runs that the reader has calculated."""
    return set(request.cookies.get(CALCULATED, "").split("."))


def _tests(section: Section, database: Database, asked_for: set[str], language: str) -> list[Test]:
    started = latest(database)
    tests = []
    for experiment in section.experiments:
        words = translated(experiment, language)
        if experiment.name in started:
            tests.append(_performed(words, started[experiment.name], database))
        elif not experiment.trials and experiment.name in asked_for:
            tests.append(_observed(words, [calculated(experiment.name, FIRST_SEED)]))
        else:
            tests.append(Test(words))
    return tests


def _performed(words: Experiment, id: str, database: Database) -> Test:
    now = performance(database, words, id)
    return _observed(words, list(now.observations.values()), now.status, id, tuple(now.runs))


def _observed(
    words: Experiment, seen: list[Seen], status: str = "ended", id: str | None = None, runs: tuple[Run, ...] = ()
) -> Test:
    if not seen:
        return Test(words, status, id, runs)
    return Test(words, status, id, runs, verdict(seen), words.says(spreads(seen)))
