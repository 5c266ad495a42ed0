from scoring_pipeline.llm.tokens import count_tokens


def test_known_texts_have_their_known_number_of_tokens() -> None:
    assert count_tokens("") == 0
    assert count_tokens("hello world") == 2
    assert count_tokens("Senior Backend Engineer (m/f/d)") == 8


def test_marks_that_mean_something_to_a_model_count_as_plain_text() -> None:
    assert count_tokens("<|endoftext|>") > 1


def test_counting_knows_every_script() -> None:
    for text in ("Straßenbahnfahrer gesucht", "看護師を募集しています", "مطلوب ممرضة", "👩‍⚕️🚑"):
        assert 0 < count_tokens(text) <= len(text.encode())
