"""Router whose operations have the names of their functions in the OpenAPI document."""

from functools import partial

from fastapi import APIRouter

Router = partial(APIRouter, generate_unique_id_function=lambda route: route.name)
