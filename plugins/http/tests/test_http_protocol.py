"""The protocol by plain httpx: chunks, keys, listings, ranges, conditions, problems."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

V3 = {
    "zarr_format": 3, "node_type": "array", "shape": [20, 20], "data_type": "uint8",
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1, 1]}},
    "chunk_key_encoding": {"name": "default"}, "fill_value": 0, "codecs": [{"name": "bytes"}],
}  # fmt: skip


@pytest.fixture
def http(file_server: str) -> Iterator[httpx.Client]:
    """A client of an array.

    Yields:
        The client.
    """
    with httpx.Client(base_url=f"{file_server}/arrays/run%2F1", timeout=30) as client:
        yield client


def problem(answer: httpx.Response) -> str:
    """Return what the problem of an answer is called."""
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == answer.status_code
    return str(answer.json()["type"]).rpartition(":")[2]


def test_a_chunk_is_put_got_and_deleted(http: httpx.Client) -> None:
    """Under its index; what is not stored is 404."""
    assert http.put("/metadata", json=V3).status_code == 204
    assert http.put("/chunks/0,3", content=b"abc").status_code == 204
    assert http.get("/chunks/0,3").content == b"abc"
    assert http.head("/chunks/0,3").headers["content-length"] == "3"
    assert http.delete("/chunks/0,3").status_code == 204
    assert problem(http.get("/chunks/0,3")) == "not-found"
    assert http.delete("/chunks/0,3").status_code == 204


def test_chunks_and_keys_are_the_same_values(http: httpx.Client) -> None:
    """As the metadata names them."""
    http.put("/keys/zarr.json", json={**V3, "chunk_key_encoding": {"name": "v2"}})
    http.put("/chunks/1,2", content=b"chunk")
    assert http.get("/keys/1.2").content == b"chunk"
    http.put("/keys/zarr.json", json=V3)
    http.put("/chunks/1,2", content=b"new")
    assert http.get("/keys/c/1/2").content == b"new"


def test_an_array_without_dimensions_has_a_chunk(http: httpx.Client) -> None:
    """It is called ()."""
    http.put("/metadata", json={**V3, "shape": [], "chunk_grid": {}})
    assert http.put("/chunks/()", content=b"x").status_code == 204
    assert http.get("/chunks/()").content == b"x"
    assert http.get("/chunks").json() == {"chunks": [[]], "next": None}


def test_metadata_is_kept_in_both_formats(http: httpx.Client) -> None:
    """For v2 with the attributes as a member."""
    assert problem(http.get("/metadata")) == "metadata-not-found"
    v2 = {"zarr_format": 2, "shape": [4], "chunks": [2], "attributes": {"unit": "m"}}
    assert http.put("/metadata", json=v2).status_code == 204
    assert http.get("/metadata").json() == v2
    assert http.get("/keys/.zattrs").json() == {"unit": "m"}


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"zarr_format": 4}', b"\xff", b"[" * 10**5, b'{"zarr_format":3'],
)
def test_what_is_no_metadata_is_refused(http: httpx.Client, body: bytes) -> None:
    """And nothing is stored."""
    assert problem(http.put("/metadata", content=body)) == "invalid-metadata"
    assert http.get("/metadata").status_code == 404


def test_pages_of_chunks_follow_each_other(http: httpx.Client) -> None:
    """In order of numbers, not of digits."""
    http.put("/metadata", json=V3)
    for i in (10, 2, 9, 0):
        http.put(f"/chunks/{i},1", content=b"x")
    first = http.get("/chunks", params={"limit": 3}).json()
    assert first == {"chunks": [[0, 1], [2, 1], [9, 1]], "next": "9,1"}
    rest = http.get("/chunks", params={"limit": 3, "after": first["next"]}).json()
    assert rest == {"chunks": [[10, 1]], "next": None}


def test_pages_of_keys_follow_each_other(http: httpx.Client) -> None:
    """Only those with the prefix."""
    for key in ("a/1", "a/2", "b", "a/3"):
        http.put(f"/keys/{key}", content=b"x")
    first = http.get("/keys", params={"limit": 2, "prefix": "a/"}).json()
    assert first == {"keys": ["a/1", "a/2"], "next": "a/2"}
    rest = http.get("/keys", params={"limit": 2, "prefix": "a/", "after": "a/2"}).json()
    assert rest == {"keys": ["a/3"], "next": None}
    assert http.get("/names").json() == {"names": ["a", "b"], "next": None}


def test_a_listing_is_streamed_as_lines(http: httpx.Client) -> None:
    """The last one says that this is all."""
    for i in range(3):
        http.put(f"/keys/k{i}", content=b"x")
    lines = http.get("/keys", headers={"accept": "application/x-ndjson"}).text.splitlines()
    assert sorted(map(json.loads, lines[:-1])) == ["k0", "k1", "k2"]
    assert json.loads(lines[-1]) == {"end": True}


@pytest.mark.parametrize(
    ("spec", "status", "body"),
    [
        ("bytes=0-0", 206, b"0"), ("bytes=2-4", 206, b"234"), ("bytes=8-", 206, b"89"),
        ("bytes=-3", 206, b"789"), ("bytes=5-99", 206, b"56789"), ("bytes=-99", 200, b"0123456789"),
        ("bytes=10-", 416, None), ("bytes=-0", 416, None), ("bytes=4-2", 200, b"0123456789"),
        ("bytes=0-1,3-4", 200, b"0123456789"), ("lines=1-2", 200, b"0123456789"),
    ],
)  # fmt: skip
def test_a_range_is_a_part_of_the_value(
    http: httpx.Client, spec: str, status: int, body: bytes | None
) -> None:
    """What is no single range of bytes is passed over."""
    http.put("/keys/v", content=b"0123456789")
    answer = http.get("/keys/v", headers={"range": spec})
    assert answer.status_code == status
    assert body is None or answer.content == body
    if status == 206:
        first = "0123456789".index(answer.text)
        assert answer.headers["content-range"] == f"bytes {first}-{first + len(answer.text) - 1}/10"


def test_conditions_guard_changes(http: httpx.Client) -> None:
    """If-None-Match makes a value, If-Match replaces the one that was seen."""
    new = {"if-none-match": "*"}
    assert http.put("/keys/v", content=b"1", headers=new).status_code == 204
    assert problem(http.put("/keys/v", content=b"2", headers=new)) == "precondition-failed"
    etag = http.get("/keys/v").headers["etag"]
    assert http.get("/keys/v", headers={"if-none-match": etag}).status_code == 304
    assert http.put("/keys/v", content=b"3", headers={"if-match": etag}).status_code == 204
    assert http.put("/keys/v", content=b"4", headers={"if-match": etag}).status_code == 412
    assert http.delete("/keys/v", headers={"if-match": etag}).status_code == 412
    assert http.get("/keys/v", headers={"if-match": etag}).status_code == 412
    assert http.get("/keys/v").content == b"3"
    assert problem(http.put("/keys/v", headers={"if-match": "none"})) == "invalid-request"


def test_a_long_value_is_sent_in_pieces(http: httpx.Client) -> None:
    """The whole and a long range of it."""
    value = bytes(range(256)) * 20_000
    http.put("/keys/v", content=value)
    assert http.get("/keys/v").content == value
    assert http.get("/keys/v", headers={"range": "bytes=7-4000000"}).content == value[7:4_000_001]


@pytest.mark.parametrize(
    "path",
    [
        "/keys/a%2F..%2Fb", "/keys/%2E%2E/b", "/keys/a//b", "/keys/%00", "/keys/%FF", "/chunks/-1",
        "/chunks/a", "/chunks/0,,1", "/chunks/01", "/keys/", "/keys?limit=0", "/keys?limit=x",
        "/chunks?after=x", "/keys/.x.zb-tmp",
    ],
)  # fmt: skip
def test_a_name_that_leads_elsewhere_is_refused(http: httpx.Client, path: str) -> None:
    """Upwards, or to no name at all."""
    assert problem(http.get(path)) in ("invalid-request", "no-such-resource")


def test_what_is_not_served_is_said_so(file_server: str, http: httpx.Client) -> None:
    """Paths and methods that there are not."""
    assert problem(httpx.get(f"{file_server}/nowhere")) == "no-such-resource"
    assert problem(http.patch("/metadata")) == "method-not-allowed"
    assert problem(http.delete("/keys")) == "invalid-request"
    assert problem(http.get("/metadata", headers={"if-match": "*"})) == "invalid-request"


def test_an_array_is_deleted_whole(file_server: str, http: httpx.Client) -> None:
    """And no other one."""
    http.put("/metadata", json=V3)
    http.put("/chunks/0,0", content=b"x")
    assert httpx.delete(f"{file_server}/arrays/run%2F1").status_code == 204
    assert http.get("/keys").json() == {"keys": [], "next": None}
    assert httpx.get(f"{file_server}/arrays/run%2F1").json()["keys"] is True


def test_a_batch_may_be_answered_in_parts(http: httpx.Client) -> None:
    """What is asked for has to be a list of names."""
    http.put("/keys/a", content=b"abc")
    answer = http.post("/read", json={"keys": ["a", "b"]}).content
    assert answer == (3).to_bytes(8, "little") + b"abc" + b"\xff" * 8
    for wrong in ({}, {"keys": []}, {"keys": [".."]}, {"chunks": [[-1]]}, {"keys": "a"}, [1]):
        assert http.post("/read", json=wrong).status_code in (400, 422)


def test_the_document_of_the_protocol_is_served(file_server: str) -> None:
    """OpenAPI 3.1, with every route."""
    document = httpx.get(f"{file_server}/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    assert "/arrays/{array_id}/chunks/{index}" in document["paths"]


def test_health_and_metrics(file_server: str, http: httpx.Client) -> None:
    """Prometheus reads what has been asked."""
    assert httpx.get(f"{file_server}/health").json() == {"status": "ok", "storage": "filesystem"}
    http.get("/keys/x")
    text = httpx.get(f"{file_server}/metrics").text
    line = 'zarr_backends_http_requests_total{method="GET",route="/arrays/{array_id}/keys/{name}"'
    assert f'{line},status="404"}} 1' in text
