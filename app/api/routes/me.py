"""The caller, as the service knows it."""

from dataclasses import asdict

from app.api.problems import problems
from app.api.router import Router
from app.api.schemas.me import LimitsAnswer, MeAnswer
from app.api.schemas.times import rfc3339
from app.api.scopes import ANY_KEY, CallerDep
from app.errors import Invalid

router = Router(tags=["operations"], responses=problems(Invalid), dependencies=[ANY_KEY])


@router.get("/me", summary="Get the owner, scopes and limits of the key that is sent")
async def get_me(caller: CallerDep) -> MeAnswer:
    """On a service that requires no key, everybody has the scope `admin`."""
    return MeAnswer(
        key=caller.key,
        owner=caller.owner or None,
        scopes=sorted(caller.scopes),
        expires_at=rfc3339(caller.expires_at),
        limits=LimitsAnswer(**asdict(caller.limits)),
    )
