"""The California housing table (Pace & Barry 1997, the census of 1990), as scikit-learn makes it."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from app.datasets.arrays import Arrays
from app.datasets.errors import ImportFailed
from app.datasets.formats.archives import Noticed, members
from app.datasets.formats.compressed_file import CompressedFile
from app.datasets.import_options import Imported, ImportOptions, Scratch, Tell

TABLE = "CaliforniaHousing/cal_housing.data"
TARGET = "MedHouseVal"
DOLLARS = 100_000  # the unit of the target


def read_california(parts: Mapping[str, Path], _: ImportOptions, __: Scratch, tell: Tell) -> Imported:
    """Read the eight columns and the target of sklearn.datasets.fetch_california_housing, from the archive it loads.

    The census has totals of rooms, bedrooms and people for each block group, which say little about its houses. They
    become averages per household; the population is kept as well. Raises ImportFailed, and whatever `tell` raises.
    """
    files = members(CompressedFile(parts["file"]), Noticed(), tell)
    data = next((member.data for member in files if member.name == TABLE), None)
    if data is None:
        raise ImportFailed("not_california", table=TABLE)
    try:
        columns = np.loadtxt(io.BytesIO(data), delimiter=",", ndmin=2).T
        longitude, latitude, age, rooms, bedrooms, population, households, income, value = columns
    except ValueError as error:
        raise ImportFailed("california_damaged", table=TABLE, reason=str(error)) from error
    features = {
        "MedInc": income,
        "HouseAge": age,
        "AveRooms": rooms / households,
        "AveBedrms": bedrooms / households,
        "Population": population,
        "AveOccup": population / households,
        "Latitude": latitude,
        "Longitude": longitude,
    }
    return Imported(
        Arrays(
            np.stack(list(features.values()), axis=1).astype(np.float32),
            (value / DOLLARS).astype(np.float32),
            feature_names=tuple(features),
        )
    )
