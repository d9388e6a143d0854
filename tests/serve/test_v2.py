"""The Open Inference Protocol: its JSON, its binary data, and somebody else's client."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_edge.data import synthetic
from mnist_edge.runtime.classifier import Classifier
from tests.serve.conftest import Serve, running

INFER = "/v2/models/edge/infer"
LENGTH = "Inference-Header-Content-Length"


@pytest.fixture(scope="module")
def images() -> Any:
    return synthetic.generate(5, seed=4).images


def tensor(values: Any, datatype: str = "UINT8", **fields: Any) -> dict[str, Any]:
    """A request with one input."""
    described = {"name": "image", "shape": list(values.shape), "datatype": datatype}
    return {"inputs": [described | {"data": values.ravel().tolist()} | fields]}


def test_the_server_and_its_model_describe_themselves(served: Serve) -> None:
    client = served()
    server = client.get("/v2").json()
    assert (server["name"], server["extensions"]) == ("mnist-edge", ["binary_tensor_data"])
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"live": True}
    assert client.get("/v2/models/edge/ready").json() == {"name": "edge", "ready": True}
    model = client.get("/v2/models/edge").json()
    assert model["inputs"] == [{"name": "image", "datatype": "FP32", "shape": [-1, 28, 28]}]
    assert model["outputs"] == [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]}]
    for path in ("/v2/models/other", "/v2/models/other/ready"):
        assert client.get(path).status_code == 404
        assert "error" in client.get(path).json()


@pytest.mark.parametrize("shape", [(5, 28, 28), (5, 1, 28, 28), (5, 28, 28, 1), (5, 784)])
@pytest.mark.parametrize("datatype", ["UINT8", "FP32"])
def test_tensors_of_mnists_form_are_answered(
    datatype: str, shape: tuple[int, ...], served: Serve, images: Any, classifier: Classifier
) -> None:
    values = images if datatype == "UINT8" else images.astype(np.float32) / 255
    request = tensor(values.reshape(shape), datatype) | {"id": "42"}
    answer = served().post(INFER, json=request).json()
    assert (answer["model_name"], answer["id"]) == ("edge", "42")
    (output,) = answer["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == (
        "probabilities",
        "FP32",
        [5, 10],
    )
    np.testing.assert_array_equal(
        np.float32(output["data"]).reshape(5, 10), classifier.engine.run(images)
    )


def test_nested_data_are_taken_too(served: Serve, images: Any) -> None:
    answer = served().post(INFER, json=tensor(images, data=images.tolist())).json()
    assert len(answer["outputs"][0]["data"]) == 50
    assert "id" not in answer


def test_numbers_go_and_come_as_bytes(served: Serve, images: Any, classifier: Classifier) -> None:
    data = (images.astype("<f4") / 255).tobytes()
    described = tensor(images, "FP32", parameters={"binary_data_size": len(data)})
    del described["inputs"][0]["data"]
    described["outputs"] = [{"name": "probabilities", "parameters": {"binary_data": True}}]
    header = json.dumps(described).encode()
    answer = served().post(INFER, content=header + data, headers={LENGTH: str(len(header))})
    size = int(answer.headers[LENGTH])
    output = json.loads(answer.content[:size])["outputs"][0]
    assert output["parameters"] == {"binary_data_size": 200}
    np.testing.assert_array_equal(
        np.frombuffer(answer.content[size:], "<f4").reshape(output["shape"]),
        classifier.engine.run(images),
    )


PICTURE = np.zeros((1, 28, 28), np.uint8)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ([], "one input"),
        ({"inputs": []}, "one input"),
        (tensor(PICTURE, name="picture"), "input called 'picture'"),
        (tensor(PICTURE, "INT64"), "'INT64'"),
        (tensor(PICTURE, shape=[28, 28]), "no pictures"),
        (tensor(PICTURE, shape=[1, -28, -28]), "sizes"),
        (tensor(PICTURE, shape=[2**70, 28, 28]), "no pictures"),
        # Whose product would take a minute.
        (tensor(PICTURE, shape=[10**4000] * 400), "no pictures"),
        (tensor(PICTURE, shape=[1] * 9 + [28, 28]), "no pictures"),
        (tensor(PICTURE, shape="all"), "sizes"),
        (tensor(PICTURE, shape=[784]), "no pictures"),
        (tensor(PICTURE, data=[1, 2]), "no pictures"),
        (tensor(PICTURE, data=[[1], [2, 3]]), "no array"),
        (tensor(PICTURE, data="text"), "no numbers"),
        (tensor(PICTURE, data=None), "no numbers"),
        (tensor(PICTURE, data=[10**400] * 784), "no numbers"),
        (tensor(PICTURE, data=[256] * 784), "0 to 255"),
        (tensor(PICTURE, data=[-1] * 784), "0 to 255"),
        (tensor(PICTURE, data=[0.5] * 784), "no numbers of UINT8"),
        (tensor(PICTURE, "FP32", data=[1.5] * 784), "0 to 1"),
        (tensor(PICTURE, parameters={"binary_data_size": 784}), "binary_data_size"),
        (tensor(PICTURE, parameters={"binary_data_size": "x"}), "binary_data_size"),
        (tensor(PICTURE) | {"id": 42}, "id"),
        (tensor(PICTURE) | {"outputs": [{"name": "logits"}]}, "no output"),
        (tensor(PICTURE) | {"outputs": "all"}, "no output"),
        (tensor(PICTURE) | {"parameters": {"binary_data_output": 1}}, "binary_data_output"),
    ],
)
def test_what_is_not_of_the_protocol_is_refused(request_: Any, words: str, served: Serve) -> None:
    answer = served().post(INFER, json=request_)
    assert answer.status_code == 400, answer.text
    assert words in answer.json()["error"]


@pytest.mark.parametrize(
    ("content", "length"),
    [
        (b"no JSON", None),
        (b"[" * 100_000, None),
        (b"\xff", None),
        (b"{}", "3"),
        (b"{}", "-1"),
        (b"{}", "9" * 5000),
        (b"{}", "0" * 4400),
        (b"{}", "0000000009999999999"),
        (b"{}", "x"),
        (b'{"inputs":[{"name":"image","shape":[1,784],"datatype":"FP32","data":[NaN]}]}', None),
    ],
)
def test_bodies_that_are_not_json_are_refused(
    content: bytes, length: str | None, served: Serve
) -> None:
    headers = {LENGTH: length} if length else {}
    answer = served().post(INFER, content=content, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_not_a_number_is_refused(served: Serve) -> None:
    described = tensor(PICTURE, "FP32", parameters={"binary_data_size": 4 * 784})
    header = json.dumps(described).encode()
    data = np.full(784, np.nan, "<f4").tobytes()
    answer = served().post(INFER, content=header + data, headers={LENGTH: str(len(header))})
    assert (answer.status_code, "0 to 1" in answer.json()["error"]) == (400, True)


def test_another_model_is_not_found(served: Serve) -> None:
    answer = served().post("/v2/models/other/infer", json=tensor(PICTURE))
    assert answer.status_code == 404
    assert "edge is served" in answer.json()["remedy"]


def test_tritons_client_talks_to_it(tmp_path: Path, images: Any, classifier: Classifier) -> None:
    client_of = pytest.importorskip(
        "tritonclient.http", reason="tritonclient[http] is not installed"
    )
    from tritonclient.utils import InferenceServerException

    expected = classifier.engine.run(images)
    with running(tmp_path) as service:
        client = client_of.InferenceServerClient(service.address.removeprefix("http://"))
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("edge")
        assert not client.is_model_ready("other")
        assert client.get_server_metadata()["name"] == "mnist-edge"
        assert client.get_model_metadata("edge")["inputs"][0]["name"] == "image"
        for shape in ((5, 28, 28), tuple(classifier.contract.input.shape)):
            values = (images.astype(np.float32) / 255).reshape([size or 5 for size in shape])
            for binary_in in (True, False):
                for binary_out in (True, False):
                    fed = client_of.InferInput("image", list(values.shape), "FP32")
                    fed.set_data_from_numpy(values, binary_data=binary_in)
                    wanted = client_of.InferRequestedOutput("probabilities", binary_data=binary_out)
                    answer = client.infer("edge", [fed], outputs=[wanted], request_id="7")
                    np.testing.assert_array_equal(answer.as_numpy("probabilities"), expected)
                    assert answer.get_response()["id"] == "7"
        fed = client_of.InferInput("image", [5, 28, 28], "UINT8")
        fed.set_data_from_numpy(images)
        np.testing.assert_array_equal(
            client.infer("edge", [fed]).as_numpy("probabilities"), expected
        )
        fed = client_of.InferInput("picture", [5, 28, 28], "UINT8")
        fed.set_data_from_numpy(images)
        with pytest.raises(InferenceServerException, match="no input called 'picture'"):
            client.infer("edge", [fed])
        client.close()
