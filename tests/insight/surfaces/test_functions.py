import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from app.insight.surfaces.functions import SURFACES, Quadratic, Surface, surface_from_json

EVERY_SURFACE: list[Surface] = [*(entry() for entry in SURFACES.values()), Quadratic(condition=1000.0)]
coordinates = st.floats(-10, 10)


@pytest.mark.parametrize("surface", EVERY_SURFACE, ids=repr)
@given(x=coordinates, y=coordinates)
def test_its_gradient_by_hand_is_autograds(surface: Surface, x: float, y: float) -> None:
    at = torch.tensor([x, y], dtype=torch.float64, requires_grad=True)
    value = surface.value(at[0], at[1])
    assert surface.value(x, y) == pytest.approx(value.item(), rel=1e-12)
    (gradient,) = torch.autograd.grad(value, at)
    rounding = 1e-12 * (1 + value.item())  # terms as large as the value may cancel
    assert surface.gradient(x, y) == pytest.approx(gradient.tolist(), rel=1e-12, abs=rounding)


@pytest.mark.parametrize("surface", EVERY_SURFACE, ids=repr)
@given(x=coordinates, y=coordinates)
def test_its_least_value_is_0_at_its_minima(surface: Surface, x: float, y: float) -> None:
    for minimum in surface.minima:
        assert surface.value(*minimum) == pytest.approx(0, abs=1e-25)
        assert surface.gradient(*minimum) == pytest.approx((0, 0), abs=1e-12)
    assert surface.value(x, y) >= 0


def test_the_condition_of_a_quadratic_is_that_of_its_second_derivatives() -> None:
    surface, origin = Quadratic(condition=50.0), torch.zeros(2, dtype=torch.float64)
    second = torch.autograd.functional.hessian(lambda at: surface.value(at[0], at[1]), origin)
    assert torch.linalg.cond(second).item() == pytest.approx(50)  # type: ignore[arg-type]
    assert surface_from_json({"name": "quadratic", "condition": 50.0}) == surface


@pytest.mark.parametrize("surface", EVERY_SURFACE, ids=repr)
def test_what_is_too_large_is_infinite_and_raises_nothing(surface: Surface) -> None:
    assert surface.value(1e200, 1e200) == (1 if surface.name == "plateau" else float("inf"))
