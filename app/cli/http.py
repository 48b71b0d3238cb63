"""The service, asked by the user's commands: an answer, or the command's end with a sentence and an exit status."""

import re
from collections.abc import Mapping
from typing import Any, NoReturn

import httpx
import typer

from app.api_key import is_sendable
from app.cli.address import address
from app.constants import EXPERIMENT_TAG

FAILED, REFUSED, UNREACHABLE, CANCELLED, UNAUTHORIZED, INTERRUPTED = 1, 2, 3, 4, 5, 130
STATUSES = (
    "Exit status: 0 done, 1 the run failed, 2 the command or the request is wrong, 3 the service cannot be reached or "
    "cannot answer, 4 the run was cancelled, 5 the API key is missing or wrong, 130 Ctrl-C (the run goes on)."
)
SPOKEN = {  # what the service says to those who write addresses and JSON, and what is written here instead
    r"\?fit=true": "--fit",
    r"give invert=true or false": "leave --invert out",
    r"leave catalogue= out": "take another name",
    r"(?<![\w?&])types=(?=\w)": "--type ",
    r"(?<![\w?&])types=": "--type",
    r"(?<![\w?&])(target|encoding|task|shape|resize|background|classes)=(?=\w)": r"--\1 ",
    r"(?<![\w?&])(target|encoding|task|shape|resize|background|classes)=": r"--\1",
    r'set "(\w+)": \{"(\w+)": "?([\w.+-]+)"?\}': r"--set \1.\2=\3",
    r'set "(\w+)": "(\w+)"(?! in )': r"--set \1=\2",
    r"GET /runs lists": "antigrad runs lists",
}


def service() -> httpx.Client:
    """The service at ANTIGRAD_URL, with ANTIGRAD_API_KEY if there is one; both may stand in .env, as the service's."""
    try:
        service_address = address()
    except (OSError, UnicodeDecodeError) as error:
        leave(REFUSED, f"the file .env cannot be read: {error}")
    key = service_address.api_key.strip() if service_address.api_key else None
    if key and not is_sendable(key):
        leave(UNAUTHORIZED, "ANTIGRAD_API_KEY cannot be a key: one holds letters, digits and signs of ASCII, no spaces")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if not service_address.url.lower().startswith(("http://", "https://")):
        right = f"http://{service_address.url.rpartition('://')[2]}"
        leave(REFUSED, f"ANTIGRAD_URL={service_address.url} begins with neither http:// nor https://; write {right}")
    secure = service_address.url.lower().startswith("https://")  # the authorities' certificates take a while to load
    try:
        return httpx.Client(base_url=service_address.url, headers=headers, timeout=60, verify=secure)
    except httpx.InvalidURL as error:
        leave(REFUSED, f"ANTIGRAD_URL={service_address.url} is no address ({error}); give one like http://127.0.0.1:8000")


def leave(status: int, *lines: str) -> NoReturn:
    for line in lines:
        typer.echo(line, err=True)
    raise typer.Exit(status)


def unreachable(error: httpx.RequestError) -> NoReturn:
    leave(
        UNREACHABLE,
        f"the service does not answer: {error}",
        "start it with: antigrad serve   (another address: ANTIGRAD_URL=http://host:port)",
    )


def answered(method: str, path: str, named: Mapping[str, str] = {}, **request: Any) -> httpx.Response:
    """An answer; a refusal or no answer at all ends the command with its reason, which calls a pointer as `named`."""
    try:
        with service() as client:
            answer = client.request(method, path, **request)
    except httpx.RequestError as error:
        unreachable(error)
    if answer.is_error:
        refused(answer, named)
    return answer


def ask(method: str, path: str, named: Mapping[str, str] = {}, **request: Any) -> Any:
    """The JSON of an answer, or the end of the command as `answered` has it."""
    return content(answered(method, path, named, **request))


def content(answer: httpx.Response) -> Any:
    """The JSON of an answer of ours; what else may answer, such as a proxy, is told."""
    try:
        return answer.json()
    except ValueError:
        not_ours(answer, "JSON")


def not_ours(answer: httpx.Response, wanted: str) -> NoReturn:
    """Say that somebody else has answered."""
    kind = answer.headers.get("Content-Type", "something else")
    leave(
        UNREACHABLE,
        f"{answer.url} is answered with {answer.status_code} and {kind} instead of {wanted}: that is not Antigrad, or "
        "a proxy before it; is ANTIGRAD_URL right?",
    )


def refused(answer: httpx.Response, named: Mapping[str, str] = {}) -> NoReturn:
    """Say why the service refuses, calling a pointer as `named`."""
    problem = content(answer)
    if not isinstance(problem, dict) or not {"title", "detail"} <= problem.keys():
        leave(UNREACHABLE, f"{answer.url} is answered with {answer.status_code}, and not by Antigrad: {problem}")
    status = UNREACHABLE if answer.is_server_error else UNAUTHORIZED if answer.status_code == 401 else REFUSED
    fields = [f"  {field['pointer']}: {field['detail']}" for field in problem.get("errors", [])]
    lines = [f"{problem['title']}: {problem['detail']}", *(fields if len(fields) > 1 else [])]
    leave(status, *(_called(spoken(line), named) for line in lines))


def _called(line: str, named: Mapping[str, str]) -> str:
    """With the names in place of the pointers; /image/1 is not the beginning of /image/12."""
    return re.sub(r"/\w+/\d+(?=: )", lambda pointer: named.get(pointer[0], pointer[0]), line)


def spoken(text: str) -> str:
    """What the service says, with the options of these commands where it names its own parameters."""
    for theirs, ours in SPOKEN.items():
        text = re.sub(theirs, ours, text)
    return text


def found(run: str) -> str:
    """The id that is meant."""
    return newest() if run == "last" else run


def newest() -> str:
    """The id of the newest run that is no experiment's, as /predict goes by: of those, some go wrong on purpose."""
    cursor: dict[str, str] = {}
    while True:
        page = ask("GET", "/runs", params={"limit": 50} | cursor)
        for run in page["items"]:
            if EXPERIMENT_TAG not in run["request"]["tags"]:
                return str(run["id"])
        if page["next"] is None:
            leave(REFUSED, "there is no run yet; antigrad train DATASET makes one")
        cursor = {"cursor": page["next"]}
