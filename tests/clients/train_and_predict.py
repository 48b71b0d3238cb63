"""A program on the generated client: upload letters, train on them, wait, and predict.

The arguments are the address of a service, an archive with a folder for each class, and pictures.
"""

import io
import sys
import time
from pathlib import Path

from antigrad_client import Client
from antigrad_client.api.datasets import get_dataset, upload_dataset
from antigrad_client.api.predict import predict
from antigrad_client.api.runs import create_run, get_run, list_runs
from antigrad_client.models import (
    DatasetAnswer,
    Instances,
    LinearRequest,
    ModelRequest,
    Pictures,
    PredictAnswer,
    Problem,
    ReLURequest,
    RunAnswer,
    RunPage,
    RunRequest,
    RunStatus,
    SGDRequest,
    StopRequest,
    UploadParts,
)
from antigrad_client.types import File


def main(address: str, archive: Path, pictures: list[Path]) -> None:
    with Client(base_url=address, timeout=60) as client:
        parts = UploadParts(file=File(io.BytesIO(archive.read_bytes()), archive.name))
        dataset = upload_dataset.sync(client=client, body=parts, name="generated")
        assert isinstance(dataset, DatasetAnswer), dataset
        while dataset.status == "importing":
            time.sleep(0.1)
            dataset = get_dataset.sync(dataset.id, client=client)
            assert isinstance(dataset, DatasetAnswer), dataset
        assert dataset.status == "ready", dataset

        request = RunRequest(
            dataset=dataset.id,
            name="generated",
            model=ModelRequest(layers=[LinearRequest(type_="linear", units=8), ReLURequest(type_="relu")]),
            optimizer=SGDRequest(name="sgd", lr=0.05),
            stop=StopRequest(max_epochs=5),
        )
        run = create_run.sync(client=client, body=request)
        assert isinstance(run, RunAnswer), run
        while run.status in (RunStatus.QUEUED, RunStatus.RUNNING):
            run = get_run.sync(run.id, client=client, wait=30)
            assert isinstance(run, RunAnswer), run
        assert run.status is RunStatus.SUCCEEDED, run.error
        page = list_runs.sync(client=client, dataset=dataset.id)
        assert isinstance(page, RunPage) and [item.id for item in page.items] == [run.id]

        files = [File(io.BytesIO(picture.read_bytes()), picture.name) for picture in pictures]
        batch = predict.sync(client=client, body=Pictures(image=files), run=run.id)
        assert isinstance(batch, PredictAnswer) and len(batch.predictions) == len(pictures), batch
        raw = File(io.BytesIO(pictures[0].read_bytes()))
        single = predict.sync(client=client, body=raw, run=run.id)
        assert isinstance(single, PredictAnswer), single
        assert single.predictions[0].label == batch.predictions[0].label
        numbers = predict.sync(client=client, body=Instances(instances=[[0] * 784]), run=run.id)
        assert isinstance(numbers, PredictAnswer), numbers

        refused = create_run.sync(client=client, body=RunRequest(dataset="none"))
        assert isinstance(refused, Problem) and refused.code == "no_such_dataset", refused
        print(" ".join(prediction.label for prediction in batch.predictions))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), [Path(name) for name in sys.argv[3:]])
