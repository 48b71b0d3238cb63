"""LitServe with the network: a PNG as the raw body, batches of what waits, one worker."""

import sys
from typing import Annotated, Any

import litserve
import torch
from fastapi import Body
from network import decoded, labels, network


class Letters(litserve.LitAPI):
    def setup(self, device: str) -> None:  # noqa: ARG002
        self.network = network()

    def decode_request(self, request: Annotated[bytes, Body()]) -> Any:
        return decoded(request)

    def batch(self, inputs: list[Any]) -> torch.Tensor:
        return torch.stack([torch.from_numpy(each.copy()) for each in inputs])

    def predict(self, x: torch.Tensor) -> list[dict[str, float]]:
        with torch.no_grad():
            return labels(self.network(x))

    def unbatch(self, output: list[dict[str, float]]) -> list[dict[str, float]]:
        return output

    def encode_response(self, output: dict[str, float]) -> dict[str, float]:
        return output


if __name__ == "__main__":
    api = Letters(max_batch_size=64, batch_timeout=0.001)
    server = litserve.LitServer(api, accelerator="cpu", healthcheck_path="/healthz", fast_queue=True)
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), num_api_servers=1, generate_client_file=False, log_level="warning"
    )
