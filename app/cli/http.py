"""HTTP client of the client commands. An error ends the command with a message and an exit status."""

from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Annotated, Any, NoReturn
from urllib.parse import quote

import httpx
import typer

from app.api_key import is_sendable
from app.cli.address import address
from app.cli.output import say
from app.constants import RUN_PREFIX, TRIAL_TAGS
from app.messages import Message
from app.messages.rendering import render
from app.messages.report import fix
from app.messages.vocabulary import CLI
from app.os_errors import reason_of

FAILED, REFUSED, UNREACHABLE, CANCELLED, UNAUTHORIZED, UNMET, INTERRUPTED = 1, 2, 3, 4, 5, 6, 130
STATUSES = (
    "Exit status: 0 done, 1 the run failed, 2 the command or the request is wrong, 3 the service is unreachable or "
    "unavailable, 4 the run was cancelled, 5 the API key is missing, wrong or does not permit this, 6 a --require is "
    "not met, 130 Ctrl-C "
    "(the run continues)."
)
Cursor = Annotated[str | None, typer.Option(help="the next page: what --json has in next, or the last line names")]
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


def quoted(path: str) -> str:
    """A path in which names stand as they were typed: none of their characters begins a query."""
    return quote(path, safe="/:")


def segment(given: str | list[str] | None) -> str | list[str] | None:
    """Names that are to be segments of a path, as typed. Refuses those that would lead to another address."""
    for name in [given] if isinstance(given, str) else given or ():
        if "/" in name or name.strip(".") == "":
            raise typer.BadParameter(f"{name!r} is neither a name nor an id")
    return given


def send(method: str, path: str, labels: Mapping[str, str] = {}, **request: Any) -> httpx.Response:
    """Send a request. An error or a missing answer ends the command; `labels` replace pointers in the message."""
    try:
        with service() as client:
            answer = client.request(method, quoted(path), **request)
    except httpx.RequestError as error:
        exit_unreachable(error)
    if answer.is_error:
        exit_refused(answer, labels)
    return answer


def found(path: str) -> httpx.Response | None:
    """The answer to a GET; None if there is none for this resource. Other errors end the command."""
    try:
        with service() as client:
            answer = client.get(quoted(path))
    except httpx.RequestError as error:
        exit_unreachable(error)
    if answer.status_code in (404, 409):
        return None
    if answer.is_error:
        exit_refused(answer)
    return answer


def ask(method: str, path: str, labels: Mapping[str, str] = {}, **request: Any) -> Any:
    """Send a request and parse the JSON of its answer; ends the command as `send` does."""
    return json_of(send(method, path, labels, **request))


def download(path: str, to: Path, kind: str, **request: Any) -> None:
    """Save an answer of the media type `kind` as a file, which is complete once it has its name.

    Ends the command as `send` does, or if the file cannot be written.
    """
    part = to.with_name(f"{to.name}.part")
    try:
        with service() as client, client.stream("GET", quoted(path), **request) as answer:
            if answer.is_error:
                answer.read()
                exit_refused(answer)
            if not answer.headers.get("Content-Type", "").startswith(kind):
                exit_not_antigrad(answer, kind)
            with part.open("wb") as file:
                for piece in answer.iter_bytes():
                    file.write(piece)
        part.replace(to)
    except httpx.RequestError as error:
        exit_unreachable(error)
    except OSError as error:
        exit_with(REFUSED, f"{to} cannot be written: {reason_of(error)}")
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


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
    status = UNREACHABLE if answer.is_server_error else UNAUTHORIZED if answer.status_code in (401, 403) else REFUSED
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
    """A wrong field: its label or pointer, and the message. `labels` may name the object that it belongs to."""
    pointer, text = field["pointer"], sentence(field, field["detail"])
    outer = "/".join(pointer.split("/")[:3])
    if pointer not in labels and outer in labels:
        return f"{labels[outer]}, {pointer[len(outer) + 1 :]}: {text}"
    return f"{labels.get(pointer, pointer)}: {text}" if pointer else text


def sentence(message: Mapping[str, Any] | None, otherwise: str) -> str:
    """A message with the command line's options; `otherwise` if it has no code or one of a newer version."""
    try:
        return render(message["code"], message["params"], CLI) if message else otherwise
    except (LookupError, TypeError, ValueError):
        return otherwise


def fix_of(remark: Mapping[str, Any]) -> str:
    """The fix of a remark with the command line's options."""
    try:
        return fix(Message.from_json(remark), CLI)
    except (LookupError, TypeError, ValueError):  # a code of a newer version
        return str(remark["fix"])


def ask_page(path: str, limit: int, cursor: str | None, **query: Any) -> dict[str, Any]:
    """A page of a list. Of `query` what is None is left out."""
    given = {"limit": limit, "cursor": cursor} | query
    page: dict[str, Any] = ask("GET", path, params={name: value for name, value in given.items() if value is not None})
    return page


def say_next(page: Mapping[str, Any]) -> None:
    """Say on stderr how the list goes on."""
    if page["next"] is not None:
        say(f"for more: --cursor {page['next']}", err=True)


def resolve_run(run: str) -> str:
    """The id of a run, given as an id or as `last`."""
    return latest_run() if run == "last" else run


def run_or_model(name: str) -> dict[str, str]:
    """The query that names a run, given as an id or as `last`, or a model."""
    return {"run": resolve_run(name)} if name == "last" or name.startswith(RUN_PREFIX) else {"model": name}


def latest_run() -> str:
    """The id of the newest run, without trials of experiments and sweeps: these may be bad on purpose."""
    cursor: dict[str, str] = {}
    while True:
        page = ask("GET", "/runs", params={"limit": 50} | cursor)
        for run in page["items"]:
            if not any(tag in run["request"]["tags"] for tag in TRIAL_TAGS):
                return str(run["id"])
        if page["next"] is None:
            exit_with(REFUSED, "there is no run yet; start one with antigrad train DATASET")
        cursor = {"cursor": page["next"]}
