"""Inputs of a prediction, from its body and the conversions that its query allows."""

from typing import cast

from fastapi import Request

from app.api.client_connection import while_connected
from app.api.inputs import File, Numbers, Table, read_body
from app.api.schemas.predict import Question
from app.datasets.images.picture_format import MARGIN, Background, PictureFormat, Resize
from app.errors import UnsupportedMediaType
from app.learning.serialization import Trained
from app.serving.decoding import (
    Conversion,
    Inputs,
    decode_at_once,
    decode_elsewhere,
    decode_file,
    decode_numbers,
    decode_table,
)
from app.serving.instances import Column, Columns
from app.storage import datasets
from app.storage.database import Database


def conversion_for(trained: Trained, asked: Question) -> Conversion:
    """The conversions of pictures that the client allows."""
    return Conversion(_picture_format(trained, asked), asked.invert or ("auto" if asked.crop else "false"))


def _picture_format(trained: Trained, asked: Question) -> PictureFormat:
    """The format of the training pictures, with the conversions that the client allows."""
    return PictureFormat(
        trained.input_shape,
        cast(Resize, trained.resize) if asked.fit or asked.crop else None,
        asked.background or cast(Background, trained.background),
        trained.depth,
        None if asked.crop is None else MARGIN if trained.margin is None else trained.margin,
    )


async def read_inputs(request: Request, trained: Trained, conversion: Conversion, run: str) -> Inputs:
    """The inputs in the body. Raises ClientDisconnect, and all that `decoding` raises."""
    body = await read_body(request)
    if isinstance(body, Numbers):
        return await decode_numbers(body.json, trained, lambda: _table_columns(request.app.state.database, run))
    if isinstance(body, Table):
        return await decode_table(body.content, trained, lambda: _table_columns(request.app.state.database, run))
    decoders = request.app.state.predictions.decoders
    if isinstance(body, File):
        return await while_connected(request, decode_file(body.content, trained, conversion, decoders))
    if len(trained.input_shape) != 3:
        raise UnsupportedMediaType("rows_expected")
    pictures = body.contents, body.pointers, conversion, trained.border
    inputs = decode_at_once(*pictures)
    if inputs is None:
        inputs = await while_connected(request, decode_elsewhere(decoders, *pictures))
    return inputs


def _table_columns(database: Database, run: str) -> Columns:
    """The columns of the table that a run learnt from."""
    with database.read() as db:
        inputs, others = datasets.columns(db, run)
    return Columns(tuple(map(Column.of, inputs)), frozenset(others))
