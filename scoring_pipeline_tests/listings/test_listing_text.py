"""HTML to readable text, through `from_html` and `from_escaped`."""

import re
import signal
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring_pipeline.listings.text import clean_line, from_escaped, from_html

TAGS = (
    *("p", "div", "span", "b", "i", "ul", "ol", "li", "table", "tr", "td", "th", "h1", "h3", "br", "a", "script"),
    *("style", "iframe", "pre", "dl", "dt", "dd", "form", "title", "svg", "math"),
)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        pytest.param("<p>One</p><p>Two</p>", "One\n\nTwo", id="paragraphs are separated by a blank line"),
        pytest.param("<h2>Head</h2><p>Body</p>", "Head\n\nBody", id="a heading is a paragraph of its own"),
        pytest.param("<ul><li>a</li><li><p>b</p></li></ul>", "- a\n- b", id="one list item a line"),
        pytest.param(
            "<ul><li>a<ul><li>n</li></ul></li><li>c</li></ul>after",
            "- a\n  - n\n- c\n\nafter",
            id="a nested list is indented, what follows a list is a paragraph",
        ),
        pytest.param("<p>a</p><ul><li>b</li></ul><ul><li>c</li></ul>", "a\n\n- b\n- c", id="adjacent lists are one"),
        pytest.param("<li>a</li><li>b</li>", "- a\n- b", id="items without a list are items"),
        pytest.param(
            "<table><tr><th>a</th><td><p>b</p><p>c</p></td></tr><tr><td>d</td></tr></table>e",
            "a | b c\nd\n\ne",
            id="one table row a line",
        ),
        pytest.param("a<br>b<br/><br>c", "a\nb\n\nc", id="a break is a new line, two are a blank one"),
        pytest.param("<div>a</div><div>&nbsp;</div><div>b</div>", "a\n\nb", id="an empty div is a blank line"),
        pytest.param("<div>a</div><div>b</div>", "a\nb", id="a div is a line"),
        pytest.param("<b>Lead</b>ing <i>x</i>", "Leading x", id="inline markup does not split words"),
        pytest.param(
            "<p>a<script>evil()</script><style>p{}</style><iframe src='x'>y</iframe><!-- c -->b</p>",
            "ab",
            id="scripts, styles, frames and comments are dropped",
        ),
        pytest.param("a\u00a0b&nbsp;&nbsp;c", "a b c", id="no-break spaces are spaces"),
        pytest.param("AT&amp;amp;T &lt;2 years", "AT&amp;T <2 years", id="entities are decoded once"),
        pytest.param("e\u0301t\u00e9", "\u00e9t\u00e9", id="text is NFC"),
        pytest.param("a\u200bb\u00ad\x07c\u202ed\U000e0041e", "abcde", id="invisible characters are dropped"),
        pytest.param("<ul><li>&#8203;</li><li>a</li></ul>", "- a", id="an item without text is no item"),
        pytest.param("<pre>a\n  b</pre>", "a\nb", id="preformatted lines stay lines"),
        pytest.param("<frameset><frame></frameset>", "", id="a document without a body is empty"),
        pytest.param("", "", id="nothing is nothing"),
    ],
)
def test_markup_becomes_readable_text(html: str, text: str) -> None:
    assert from_html(html) == text


def test_escaped_markup_is_unescaped_exactly_once() -> None:
    escaped = (
        "&lt;p&gt;Less than &amp;lt;2 years, R&amp;amp;D&amp;nbsp;team&lt;/p&gt;"
        "&lt;p title=&quot;x&quot;&gt;It&#39;s&lt;/p&gt;"
    )
    assert from_escaped(escaped) == "Less than <2 years, R&D team\n\nIt's"


def test_a_line_is_trimmed_collapsed_and_cleaned() -> None:
    assert clean_line("  Senior\u00a0 \tEngineer\u200b\n ") == "Senior Engineer"


FRAGMENTS = st.one_of(
    st.sampled_from([f"<{tag}>" for tag in TAGS] + [f"</{tag}>" for tag in TAGS]),
    st.sampled_from(["<!--", "-->", "<p class='x", '<a href="y>', "<", ">", "&nbsp;", "&#0;", "&#x1F600;", "&bogus;"]),
    st.text(alphabet=st.characters(blacklist_characters="<>&"), max_size=12),
)


@given(st.lists(FRAGMENTS, max_size=60))
def test_any_html_gives_text_without_markup_or_control_characters(parts: list[str]) -> None:
    text = from_html("".join(parts))
    assert not re.search(r"</?(?:" + "|".join(TAGS) + r")\s*/?>", text)
    assert all(char == "\n" or unicodedata.category(char) not in ("Cc", "Cs") for char in text)
    assert "\u00a0" not in text
    assert text == text.strip("\n")
    assert "\n\n\n" not in text


@given(st.text(alphabet=st.characters(blacklist_categories=["Cs"])))
def test_any_text_at_all_is_taken(raw: str) -> None:
    assert isinstance(from_html(raw), str)
    assert isinstance(from_escaped(raw), str)


@pytest.mark.parametrize(
    "html",
    [
        pytest.param("<div>" * 100_000 + "x", id="nesting 100,000 deep"),
        pytest.param("<ul><li>" * 50_000 + "x", id="lists nested 50,000 deep"),
        pytest.param("<b>x</p>" * 50_000, id="end tags that match nothing"),
        pytest.param("<span>" * 50_000 + "<div>" * 50_000 + "x", id="inline and block nesting mixed"),
        pytest.param("<p " + " ".join(f"a{i}=b" for i in range(50_000)) + ">x", id="50,000 attributes in a tag"),
        pytest.param("&amp;" * 1_000_000, id="a flood of entities"),
        pytest.param("<" * 1_000_000, id="a flood of brackets"),
        pytest.param("<a" * 500_000, id="tags that never end"),
        pytest.param("<!--" * 200_000, id="comments that never end"),
        pytest.param("<script>" * 100_000, id="scripts that never end"),
        pytest.param("<p>x" * 500_000, id="megabytes of paragraphs"),
        pytest.param("<table><tr>" + "<td>x" * 50_000, id="a row of 50,000 cells"),
    ],
)
def test_hostile_html_is_read_within_a_second_or_two(html: str) -> None:
    """A quadratic reader takes minutes here: the alarm is for that, not for a slow machine."""
    with alarm(seconds=30):
        text = from_html(html)
    assert len(text) <= 4 * len(html)
    assert "<div" not in text


@contextmanager
def alarm(seconds: int) -> Iterator[None]:
    def ring(signum: int, frame: object) -> None:
        raise TimeoutError(f"still running after {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
