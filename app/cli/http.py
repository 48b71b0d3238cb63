"""HTTP client of the client commands. An error ends the command with a message and an exit status."""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, NoReturn

import httpx
import typer

from app.api_key import is_sendable
from app.cli.address import address
from app.cli.output import say
from app.constants import EXPERIMENT_TAG
from app.messages.rendering import render
from app.messages.vocabulary import CLI

FAILED, REFUSED, UNREACHABLE, CANCELLED, UNAUTHORIZED, INTERRUPTED = 1, 2, 3, 4, 5, 130
STATUSES = (
    "Exit status: 0 done, 1 the run failed, 2 the command or the request is wrong, 3 the service is unreachable or "
    "unavailable, 4 the run was cancelled, 5 the API key is missing or wrong, 130 Ctrl-C (the run continues)."
)
AsJson = Annotated[bool, typer.Option("--json", help="print JSON, for scripts")]


def exit_with(status: int, *lines: str) -> NoReturn:
    """End the command with an exit status and lines on stderr."""
    for line in lines:
        say(line, err=True)
    raise typer.Exit(status)


def service() -> httpx.Client:
    """A client for ANTIGRAD_URL, with ANTIGRAD_API_KEY if it is set; both may be in .env."""
    try:
        target = address()
    except (OSError, UnicodeDecodeError) as error:
        exit_with(REFUSED, f"the file .env cannot be read: {error}")
    _say(target.notes)
    key = target.api_key.strip() if target.api_key else None
    if key and not is_sendable(key):
        exit_with(
            UNAUTHORIZED, "ANTIGRAD_API_KEY cannot be sent: use ASCII letters, digits and punctuation, without spaces"
        )
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if not target.url.lower().startswith(("http://", "https://")):
        right = f"http://{target.url.rpartition('://')[2]}"
        exit_with(REFUSED, f"ANTIGRAD_URL={target.url} has no http:// or https://; write {right}")
    secure = target.url.lower().startswith("https://")  # loading the certificates takes longer than most requests
    try:
        return httpx.Client(base_url=target.url, headers=headers, timeout=60, verify=secure)
    except httpx.InvalidURL as error:
        exit_with(
            REFUSED, f"ANTIGRAD_URL={target.url} is not a valid address ({error}); write one like http://127.0.0.1:8000"
        )


@cache
def _say(notes: tuple[str, ...]) -> None:
    """Print notes about the address, once in a command."""
    for note in notes:
        say(note, err=True)


def send(method: str, path: str, labels: Mapping[str, str] = {}, **request: Any) -> httpx.Response:
    """Send a request. An error or a missing answer ends the command; `labels` replace pointers in the message."""
    try:
        with service() as client:
            answer = client.request(method, path, **request)
    except httpx.RequestError as error:
        exit_unreachable(error)
    if answer.is_error:
        exit_refused(answer, labels)
    return answer


def ask(method: str, path: str, labels: Mapping[str, str] = {}, **request: Any) -> Any:
    """Send a request and parse the JSON of its answer; ends the command as `send` does."""
    return json_of(send(method, path, labels, **request))


def json_of(answer: httpx.Response) -> Any:
    """The JSON of an answer. Ends the command if something else answered, such as a proxy."""
    try:
        return answer.json()
    except ValueError:
        exit_not_antigrad(answer, "JSON")


def exit_unreachable(error: httpx.RequestError) -> NoReturn:
    """End the command because the service does not answer."""
    exit_with(
        UNREACHABLE,
        f"the service does not answer: {error}",
        "start it with: antigrad serve   (another address: ANTIGRAD_URL=http://host:port)",
    )


def exit_not_antigrad(answer: httpx.Response, expected: str) -> NoReturn:
    """End the command because something other than Antigrad answered."""
    kind = answer.headers.get("Content-Type", "something else")
    exit_with(
        UNREACHABLE,
        f"{answer.url} answered with {answer.status_code} and {kind} instead of {expected}: that is not Antigrad, "
        "or a proxy in front of it; is ANTIGRAD_URL right?",
    )


def exit_refused(answer: httpx.Response, labels: Mapping[str, str] = {}) -> NoReturn:
    """End the command with the service's error; `labels` replace pointers."""
    problem = json_of(answer)
    if not isinstance(problem, dict) or not {"title", "detail"} <= problem.keys():
        exit_with(UNREACHABLE, f"{answer.url} answered with {answer.status_code}, and is not Antigrad: {problem}")
    status = UNREACHABLE if answer.is_server_error else UNAUTHORIZED if answer.status_code == 401 else REFUSED
    fields = [_field(field, labels) for field in problem.get("errors", [])]
    if len(fields) == 1:
        exit_with(status, f"{problem['title']}: {fields[0]}")
    summary = sentence(_labelled(problem, labels), problem["detail"])
    lines = [f"{problem['title']}: {summary}", *(f"  {field}" for field in fields)]
    if problem.get("more"):
        lines.append(f"  and {problem['more']} more")
    exit_with(status, *lines)


def _labelled(problem: dict[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    """The problem with its `pointers` replaced by labels."""
    params = problem.get("params") or {}
    pointers = [labels.get(pointer, pointer) for pointer in params.get("pointers", ())]
    return problem | {"params": {**params, "pointers": pointers}}


def _field(field: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    """A wrong field: its label or pointer, and the message."""
    pointer, text = field["pointer"], sentence(field, field["detail"])
    return f"{labels.get(pointer, pointer)}: {text}" if pointer else text


def sentence(message: Mapping[str, Any] | None, otherwise: str) -> str:
    """A message with the command line's options; `otherwise` if it has no code or one of a newer version."""
    try:
        return render(message["code"], message["params"], CLI) if message else otherwise
    except (LookupError, TypeError, ValueError):
        return otherwise


def resolve_run(run: str) -> str:
    """The id of a run, given as an id or as `last`."""
    return latest_run() if run == "last" else run


def latest_run() -> str:
    """The id of the newest run, without trials of experiments: these may contain deliberate mistakes."""
    cursor: dict[str, str] = {}
    while True:
        page = ask("GET", "/runs", params={"limit": 50} | cursor)
        for run in page["items"]:
            if EXPERIMENT_TAG not in run["request"]["tags"]:
                return str(run["id"])
        if page["next"] is None:
            exit_with(REFUSED, "there is no run yet; start one with antigrad train DATASET")
        cursor = {"cursor": page["next"]}
