"""Lists of boards in CSV files: what is read, and every mistake by line and column."""

from pathlib import Path

import pytest

from scoring_pipeline.ats.board_list import BoardListRefused, read_board_list
from scoring_pipeline.settings import Ats, Board


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "boards.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def problems(folder: Path, text: str | bytes) -> list[str]:
    path = written(folder, text)
    with pytest.raises(BoardListRefused) as refused:
        read_board_list(path, Ats())
    assert all(problem.startswith(f"{path}: ") for problem in refused.value.problems)
    return [problem.removeprefix(f"{path}: ") for problem in refused.value.problems]


def test_columns_in_any_order_blank_lines_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    text = '\ufeffBoard, provider ,company,base_url\r\nacme,Lever,"Acme, Inc.",\r\n\r\nbunq,recruitee,,https://c.bunq.com\r\n'
    listed = read_board_list(written(tmp_path, text), Ats())
    assert [(item.line, item.provider, item.board) for item in listed] == [
        (2, "lever", Board(name="acme", company="Acme, Inc.")),
        (4, "recruitee", Board(name="bunq", base_url="https://c.bunq.com")),
    ]


def test_addresses_are_recognised(tmp_path: Path) -> None:
    listed = read_board_list(written(tmp_path, "url\nhttps://jobs.eu.lever.co/acme/x\nduo.recruitee.com\n"), Ats())
    assert [(item.provider, item.board) for item in listed] == [
        ("lever", Board(name="acme", base_url="https://api.eu.lever.co")),
        ("recruitee", Board(name="duo")),
    ]


def test_every_mistake_is_named_at_once_by_line_and_column(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        "provider,board,base_url\n"
        "greenhous,acme,\n"
        "lever,,\n"
        "ashby,a/b,\n"
        "recruitee,my board,\n"
        "recruitee,acme,ftp://acme.example\n"
        "lever,good,\n"
        "lever,acme,,Acme\n",
    )
    assert [problem.partition(": ")[0] for problem in found] == [f"line {line}" for line in (2, 3, 4, 5, 6, 8)]
    assert found[0] == "line 2: provider: 'greenhous' is none of greenhouse, lever, ashby, workable, recruitee"
    assert found[1].startswith("line 3: board: is empty")
    assert found[2].startswith("line 4: board: board name 'a/b' cannot be used")
    assert found[3].startswith("line 5: board: base_url 'https://my%20board.recruitee.com'")
    assert found[4].startswith("line 6: base_url: base_url 'ftp://acme.example'")
    assert found[5] == (
        "line 8: cell 4: 'Acme' is beyond the last column; a value with a comma stands in double quotes"
    )


def test_a_mistake_after_a_value_of_several_lines_is_named_by_its_own_line(tmp_path: Path) -> None:
    text = 'provider,board,company\nlever,acme,"Ac\nme"\n\nlever,,x\n'
    assert [problem.partition(": ")[0] for problem in problems(tmp_path, text)] == ["line 2", "line 5"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "is empty; write `provider,board`", id="nothing"),
        pytest.param("provider,board\n", "holds no boards below its header", id="a header alone"),
        pytest.param("lever,acme\n", "line 1: 'lever' is no column", id="no header"),
        pytest.param("board,company\nacme,x\n", "line 1: column `provider` is missing", id="a column too few"),
        pytest.param("provider;board\nlever;acme\n", "line 1: 'provider;board' is no column", id="semicolons"),
        pytest.param("provider,board,board\n", "line 1: column `board` stands there twice", id="a column twice"),
        pytest.param("url,board\n", "line 1: 'url' is no column", id="both forms"),
        pytest.param("url\nhttps://acme.example/jobs\n", "line 2: url: 'acme.example' is not a host", id="own domain"),
        pytest.param('provider,board\nlever,"ac"me\n', "line 2: is not CSV", id="a quote amiss"),
        pytest.param(b"provider,board\nlever,\xff\n", "is not UTF-8", id="not UTF-8"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, text: str | bytes, message: str) -> None:
    assert problems(tmp_path, text)[0].startswith(message)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BoardListRefused, match=r"none\.csv: cannot be read"):
        read_board_list(tmp_path / "none.csv", Ats())
