"""What was made quick says the same as the plain way of saying it."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from listings_kit import needs_recordings, recorded
from py3langid.langid import visit_counts

from scoring_pipeline.listings import language, text

SENTENCES = (
    "We are looking for an engineer who enjoys building reliable systems together with a friendly team in Oslo. ",
    "Wir suchen eine Entwicklerin, die mit uns verlässliche Systeme baut und Freude an sauberem Code hat, ab sofort. ",
    "Nous cherchons une personne passionnée pour rejoindre notre équipe produit à Paris, en télétravail aussi. ",
    "私たちは信頼できるシステムを一緒に作ってくれるエンジニアを探しています。勤務地は東京です。ぜひご応募ください。"
    * 2,
    "Tražimo inženjera koji voli da gradi pouzdane sisteme sa malim timom u Beogradu ili na daljinu. ",
)
LONG_TEXTS = st.one_of(
    st.text(min_size=100, max_size=700),
    st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=4).map("".join),
    st.tuples(st.sampled_from(SENTENCES), st.text(max_size=40)).map("".join),
)


@given(LONG_TEXTS)
@settings(deadline=None)  # the first example loads the model
def test_a_language_is_the_one_the_library_names(sample: str) -> None:
    if len(sample) >= language.MINIMUM:
        assert language.detect(sample) == str(language._identifier().classify(sample[: language.PREFIX])[0])


@given(st.one_of(st.binary(max_size=600), LONG_TEXTS.map(str.encode)))
@settings(deadline=None)  # as above
def test_n_grams_are_those_of_the_librarys_own_walk_in_its_order(data: bytes) -> None:
    model = language._identifier()
    walked = visit_counts(model.tk_nextmove, model._rowbase, model.tk_output, data)
    assert list(language.ngrams(data).items()) == list((walked or {}).items())


@pytest.mark.parametrize(
    "beside", [pytest.param("a", id="in ASCII"), pytest.param("\u2019", id="beside a curly quote")]
)
def test_no_unseen_character_is_taken_for_a_printed_one(beside: str) -> None:
    for number in range(0x110000):
        character = chr(number)
        if text._UNSEEN.match(character):
            assert not text._is_printed(beside + character)


@given(st.text(st.one_of(st.sampled_from(" \n\t-|ab\xa0\u200b\u2003"), st.characters()), max_size=60))
def test_a_clean_line_is_words_joined_by_single_blanks_without_what_is_unseen(raw: str) -> None:
    plain = " ".join(text._UNSEEN.sub("", " ".join(raw.split())).split())
    assert text.clean_line(raw) == " ".join(text.unicodedata.normalize("NFC", plain).split())


@given(st.text("ab -|\n", max_size=40))
def test_only_what_is_tidy_is_left_as_it_is(raw: str) -> None:
    lines = [line.rstrip() for line in raw.split("\n")]
    kept = "\n".join(line for line in lines if line.lstrip() not in {"-", "|"})
    assert text._tidy(raw) == re.sub(r"\n{3,}", "\n\n", kept).strip("\n")


@needs_recordings
def test_every_recorded_description_has_the_language_the_library_names() -> None:
    model = language._identifier()
    for row in recorded("ashby"):
        described = text.from_html(row.payload.get("descriptionHtml") or "")
        if len(described) >= language.MINIMUM:
            assert language.detect(described) == str(model.classify(described[: language.PREFIX])[0])
