"""Headers of a request as ASGI has them: pairs of bytes, names in lower case.

Middleware reads them this way, since building Starlette's `Headers` in each layer takes longer than the layers.
"""

from functools import lru_cache

from starlette.types import Scope


def header(scope: Scope, name: bytes) -> str | None:
    """The first value of a header; None without it."""
    for key, value in scope["headers"]:
        if key == name:
            decoded: str = value.decode("latin-1")
            return decoded
    return None


def all_values(scope: Scope, name: bytes) -> list[str]:
    """All values of a header, in their order."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


@lru_cache(1024)
def preferred(accept: str, offered: tuple[str, ...]) -> str:
    """The offered media type that a client prefers by its header Accept: the one with the highest weight. Of equal
    ones, a type that it names comes before one that `text/*` or `*/*` allows, and then the first offered one.

    The first offered one if the client accepts none of them. RFC 9110, section 12.5.1.
    """
    ranges = [_range(part) for part in accept.lower().split(",")]

    def rank(media_type: str) -> tuple[float, int]:
        kind = media_type.partition("/")[0]
        for specificity, pattern in ((3, media_type), (2, f"{kind}/*"), (1, "*/*")):
            weights = [weight for name, weight in ranges if name == pattern]
            if weights:
                return max(weights), specificity if max(weights) else 0
        return 0.0, 0

    return max(offered, key=rank)


def _range(part: str) -> tuple[str, float]:
    """A media range of the header Accept, and its weight, 1 by default."""
    name, *parameters = (item.strip() for item in part.split(";"))
    weight = next((item[2:] for item in parameters if item.startswith("q=")), "1")
    try:
        return name, min(1.0, max(0.0, float(weight)))
    except ValueError:
        return name, 1.0
