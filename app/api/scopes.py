"""The scope that a route requires of its caller's key. Each route has exactly one of these in its `dependencies`."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.routing import APIRoute

from app.access import Caller, Scope
from app.api.deps import only_known_parameters
from app.errors import Forbidden


async def caller(request: Request) -> Caller:
    """The caller, whom `AccessMiddleware` has recognised."""
    caller: Caller = request.state.caller
    return caller


CallerDep = Annotated[Caller, Depends(caller)]


@dataclass(frozen=True)
class Requires:
    """A scope; None means that any key will do, or none at all where `is_open`.

    Also refuses unknown parameters: FastAPI takes 45 µs for each dependency, a good part of a small prediction.
    """

    scope: Scope | None
    is_open: bool = False

    async def __call__(self, request: Request) -> None:
        """Raises Forbidden and Invalid."""
        self.check(request.state.caller)
        only_known_parameters(request)

    def check(self, caller: Caller) -> None:
        """Raise Forbidden if the caller's key lacks the scope."""
        if self.scope is not None and not caller.may(self.scope):
            raise Forbidden("key_lacks_scope", scope=self.scope, scopes=sorted(caller.scopes))


READ, PREDICT, TRAIN, ADMIN = (Depends(Requires(scope)) for scope in Scope)
ANY_KEY = Depends(Requires(None))
OPEN = Depends(Requires(None, is_open=True))


def required_scope(route: APIRoute) -> Requires:
    """The scope that a route declares. Raises ValueError unless it is exactly one."""
    declared = [each.dependency for each in route.dependencies if isinstance(each.dependency, Requires)]
    if len(declared) != 1:
        raise ValueError(f"{route.name} has {len(declared)} of READ, TRAIN, … in its dependencies, not one")
    return declared[0]
