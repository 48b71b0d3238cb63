"""Page of the optimizers: paths on a surface, with their formulas."""

from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from app.api.registry_fields import summary_of
from app.api.scopes import READ
from app.insight.surfaces.functions import SURFACES
from app.learning.fields import request_fields
from app.learning.optimizers import LECTURE_FORMS, OPTIMIZERS
from app.web.page import page
from app.web.page_route import page_router

router = page_router()


@router.get("/optimizers", dependencies=[READ])
def show_optimizers(request: Request) -> HTMLResponse:
    """Every optimizer of the registry; the script asks for the paths and the contours."""
    return page(
        request,
        "optimizers.html",
        optimizers=[_entry(name) for name in OPTIMIZERS],
        surfaces=[{"name": name, "title": type.__name__, "formula": type.formula} for name, type in SURFACES.items()],
        call={"method": "POST", "path": "/optimizers/trajectory", "body": {"optimizers": ["sgd"]}},
    )


def _entry(name: str) -> dict[str, Any]:
    forms = {"torch": OPTIMIZERS[name]} | ({"lecture": LECTURE_FORMS[name]} if name in LECTURE_FORMS else {})
    return {
        "name": name,
        "title": OPTIMIZERS[name].__name__,
        "summary": summary_of(OPTIMIZERS[name]),
        "formulas": {form: entry.formula for form, entry in forms.items()},
        "has_momentum": any(field.name == "momentum" for field in request_fields(OPTIMIZERS[name])),
    }
