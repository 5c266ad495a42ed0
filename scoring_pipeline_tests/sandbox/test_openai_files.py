from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from openai import BadRequestError, NotFoundError
from openai.types import FileObject
from openai_kit import Running, batch_request, jsonl, serving

MONTH = 30 * 86_400


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Running]:
    with serving(tmp_path, max_file_bytes=3_000_000) as running:
        yield running


def test_an_uploaded_file_comes_back_byte_for_byte(sandbox: Running) -> None:
    content = b"".join(b'{"n": %d, "text": "%s"}\n' % (number, b"-" * 500) for number in range(4000))
    file = sandbox.client.files.create(file=("in.jsonl", content), purpose="batch")
    assert (file.bytes, file.filename, file.purpose, file.status) == (len(content), "in.jsonl", "batch", "processed")
    assert file.expires_at == file.created_at + MONTH
    assert sandbox.client.files.retrieve(file.id) == file
    assert sandbox.client.files.content(file.id).content == content
    with sandbox.client.files.with_streaming_response.content(file.id) as response:
        assert sum(1 for _ in response.iter_lines()) == 4000


def test_the_file_object_is_valid_for_the_client_in_strict_mode(sandbox: Running) -> None:
    file_id = sandbox.upload(jsonl([batch_request(1)]))
    with httpx2.Client(trust_env=False, headers={"authorization": "Bearer x"}) as client:
        raw = client.get(f"{sandbox.url}/v1/files/{file_id}")
    FileObject.model_validate_json(raw.content, strict=True)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        pytest.param("in.json", b"{}\n", "Must be .jsonl", id="a name that does not end in .jsonl"),
        pytest.param("in.jsonl", b"", "Invalid file format", id="an empty file"),
        pytest.param("in.jsonl", b"\xef\xbb\xbf{}\n", "Invalid file format", id="a byte order mark"),
        pytest.param("in.jsonl", b"a,b\n1,2\n", "Invalid file format", id="another format"),
        pytest.param("in.jsonl", b"{}\n" * 1_000_001, "File is too large.", id="more bytes than a batch file may have"),
    ],
)
def test_a_file_that_is_no_batch_file_is_refused(sandbox: Running, name: str, content: bytes, message: str) -> None:
    with pytest.raises(BadRequestError, match=message) as caught:
        sandbox.upload(content, name)
    assert (caught.value.type, caught.value.param, caught.value.code) == ("invalid_request_error", None, None)
    assert sandbox.client.files.list().data == []


def test_lines_that_merely_lack_a_field_are_accepted(sandbox: Running) -> None:
    assert sandbox.upload(b'{"custom_id": "a"}\n')


def test_a_deleted_file_is_gone(sandbox: Running) -> None:
    file_id = sandbox.upload(b"{}\n")
    assert sandbox.client.files.delete(file_id).deleted
    with pytest.raises(NotFoundError):
        sandbox.client.files.content(file_id)
    assert sandbox.client.files.list().data == []


def test_deleting_the_input_of_a_live_batch_does_not_harm_the_batch(sandbox: Running) -> None:
    file_id = sandbox.upload(jsonl([batch_request(1)]))
    batch = sandbox.create(file_id)
    sandbox.advance(50)
    sandbox.client.files.delete(file_id)
    sandbox.advance(50)
    assert sandbox.again(batch).status == "completed"


def test_a_file_expires(sandbox: Running) -> None:
    file = sandbox.client.files.create(
        file=("in.jsonl", b"{}\n"), purpose="batch", expires_after={"anchor": "created_at", "seconds": 3600}
    )
    assert file.expires_at == file.created_at + 3600
    sandbox.advance(3601)
    with pytest.raises(NotFoundError):
        sandbox.client.files.retrieve(file.id)


def test_the_list_can_be_paged_turned_round_and_narrowed(sandbox: Running) -> None:
    made = [sandbox.upload(b"{}\n") for _ in range(5)]
    other = sandbox.client.files.create(file=("a.txt", b"text"), purpose="user_data").id
    assert [file.id for file in sandbox.client.files.list(purpose="batch", limit=2)] == made[::-1]
    assert [file.id for file in sandbox.client.files.list(order="asc", limit=4)] == [*made, other]


def test_an_upload_without_a_purpose_is_refused(sandbox: Running) -> None:
    with httpx2.Client(trust_env=False, headers={"authorization": "Bearer x"}) as client:
        response = client.post(f"{sandbox.url}/v1/files", files={"file": ("in.jsonl", b"{}\n")})
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "missing_required_parameter"


def test_an_upload_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    with serving(tmp_path) as sandbox, httpx2.Client(trust_env=False, headers={"authorization": "Bearer x"}) as client:
        response = client.post(
            f"{sandbox.url}/v1/files",
            content=b'--B\r\nContent-Disposition: form-data; name="file"; filename="in.jsonl"\r\n\r\n{}\n',
            headers={"content-type": "multipart/form-data; boundary=B"},
        )
        assert response.status_code == 400
        assert list((tmp_path / "files").iterdir()) == list((tmp_path / "parts").iterdir()) == []
