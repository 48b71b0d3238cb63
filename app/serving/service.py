"""The parts of the service that predict, shared by all requests of a process."""

from dataclasses import dataclass

from app.serving.live_load import LiveLoad
from app.serving.model_cache import LoadedModels
from app.serving.observers import Observers
from app.serving.picture_decoders import PictureDecoders
from app.serving.rates import PredictionRates
from app.serving.weights import WeightsQueries


@dataclass(frozen=True)
class PredictionService:
    """Look-up of weights, loaded networks, live load, limits of keys, onlookers, and processes
    that decode pictures."""

    weights: WeightsQueries
    models: LoadedModels
    live: LiveLoad
    rates: PredictionRates
    observers: Observers
    decoders: PictureDecoders
