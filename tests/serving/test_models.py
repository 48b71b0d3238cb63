import asyncio
import threading
import time
from pathlib import Path

import pytest
import torch

from app.learning.export import Trained, to_safetensors
from app.learning.layers import Linear
from app.serving.models import KEPT, LoadedModels
from app.storage.files import LocalFiles
