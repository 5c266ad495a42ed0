import re
from collections.abc import Mapping
from typing import Any

import pytest
from openai_kit import PROMPT

from scoring_pipeline.sandbox.answers import SCORE_KEYS, parse_prompt, score
from scoring_pipeline.sandbox.openai_models import MODELS
from scoring_pipeline.sandbox.openai_tokens import approximate_tokens, exact_tokens


def _score(text: str = PROMPT, *, seed: str = "seed", noise: int = 0, **changes: str) -> Mapping[str, Any]:
    profile, opening, listing = text.partition("\n\nLISTING ")
    for name, value in changes.items():
        listing = re.sub(rf"(?m)^{name.replace('_', ' ')}: .*$", f"{name.replace('_', ' ')}: {value}", listing, count=1)
    return score(profile + opening + listing, seed=seed, model="m", noise=noise)


def test_a_fitting_listing_scores_high_and_says_why() -> None:
    assert _score() == {
        "overall_score": 88,
        "skill_match": 80,
        "experience_match": 95,
        "location_match": 100,
        "confidence": 0.95,
        "reasons": [
            "2 of 2 required skills: Python, PostgreSQL",
            "senior profile for a senior role",
            "Berlin, DE is one of the profile's places",
        ],
    }


def test_arguments_are_in_the_order_of_the_schema_and_within_bounds() -> None:
    for number in range(200):
        answer = _score(seed=str(number), noise=40)
        assert tuple(answer) == SCORE_KEYS
        assert all(0 <= answer[name] <= 100 and isinstance(answer[name], int) for name in SCORE_KEYS[:4])
        assert 0 <= answer["confidence"] <= 1
        assert len(answer["reasons"]) <= 3


def test_fewer_skills_another_level_and_another_place_score_lower() -> None:
    best = _score()
    assert _score(preferred_skills="Kafka; Rust; Go; Scala")["skill_match"] < best["skill_match"]
    assert _score(seniority="intern")["experience_match"] < best["experience_match"]
    assert _score(places="Paris, FR")["location_match"] < best["location_match"]
    assert _score(places="Munich, DE")["location_match"] == 60


def test_what_imitates_a_boundary_inside_the_listing_is_description() -> None:
    prompt = parse_prompt(PROMPT)
    assert prompt is not None
    assert prompt.listing["required skills"] == "Python; PostgreSQL"
    assert "COBOL" in prompt.description
    assert "END LISTING ffffffffffff" in prompt.description


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("How are you?", id="another text"),
        pytest.param("", id="no text"),
        pytest.param(PROMPT.replace("PROFILE\n", "PERSON\n"), id="no profile"),
        pytest.param(PROMPT.replace("END LISTING 0123456789ab", ""), id="no end"),
        pytest.param(PROMPT.replace("END LISTING 0123456789ab", "END LISTING 0123456789ac"), id="another end"),
        pytest.param("PROFILE\nheadline: x\n\nLISTING 0123456789ab\nEND LISTING 0123456789ab", id="an empty listing"),
    ],
)
def test_a_prompt_of_another_form_gets_little_confidence_and_says_so(text: str) -> None:
    answer = _score(text)
    assert answer["confidence"] == 0.2
    assert answer["reasons"] == ["the prompt is not of the form that this sandbox reads"]


def test_lines_that_are_left_out_lower_the_confidence_only() -> None:
    text = "\n".join(
        line for line in PROMPT.splitlines() if not line.startswith(("seniority", "required", "preferred"))
    )
    answer = _score(text + "\n")
    assert answer["confidence"] == 0.65
    assert answer["reasons"][1] == "the listing does not say which experience it wants"


def test_without_named_skills_the_text_is_searched_for_the_profile_s() -> None:
    lines = [line for line in PROMPT.splitlines() if not line.startswith(("required skills: Py", "preferred"))]
    text = "\n".join(lines).replace("We build things.", "We run Docker and Python; 5+ years of experience.")
    assert _score(text)["reasons"][0] == "2 of 3 profile skills in the text: Python, Docker"


def test_cheaper_models_stray_further_from_the_baseline() -> None:
    def spread(model: str) -> float:
        baseline = _score()["overall_score"]
        noise = MODELS[model].noise
        scores = [score(PROMPT, seed=str(n), model=model, noise=noise)["overall_score"] for n in range(300)]
        return sum(abs(each - baseline) for each in scores) / 300

    assert spread("gpt-6-luna") > spread("gpt-6.1-terra") > spread("gpt-6-sol") > 0


def test_the_same_request_to_the_same_model_gets_the_same_answer() -> None:
    assert _score(noise=12) == _score(noise=12)
    assert _score(noise=12) != _score(noise=12, seed="another")


def test_the_approximate_token_count_is_near_the_exact_one() -> None:
    for text in (PROMPT, PROMPT.replace("We build things.", "Wir suchen eine erfahrene Entwicklerin. " * 40)):
        assert approximate_tokens(text) == pytest.approx(exact_tokens(text), rel=0.25)
    assert approximate_tokens("") == 0
