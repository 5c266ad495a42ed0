"""Skills: the taxonomy's data holds together, and the matcher reads postings as a careful person would."""

from collections import Counter

import pytest

from scoring_pipeline.listings.skills import SOFT_SKILLS, canonical, family_of, find_skills, skills_in, spans
from scoring_pipeline.listings.skills_terms import FOLD, TaxonomyError, fold, parse, plain, read_taxonomy


def test_the_taxonomy_has_thousands_of_skills_in_many_families() -> None:
    skills = read_taxonomy()
    assert len(skills) > 3000
    assert len({skill.family for skill in skills}) >= 30


def test_no_canonical_name_stands_twice() -> None:
    counts = Counter(skill.name.casefold() for skill in read_taxonomy())
    assert [name for name, count in counts.items() if count > 1] == []


def test_no_spelling_belongs_to_two_skills() -> None:
    owner: dict[bytes, str] = {}
    clashes = []
    for skill in read_taxonomy():
        for term in skill.terms:
            first = owner.setdefault(fold(term.text).rstrip(), skill.name)
            if first != skill.name:
                clashes.append(f"{term.text}: {first} and {skill.name} ({skill.where})")
    assert clashes == []


def test_every_skill_is_found_by_its_own_name_and_every_alias() -> None:
    lost = [
        f"{term.text} gives {canonical(term.text)}, not {skill.name} ({skill.where})"
        for skill in read_taxonomy()
        for term in skill.terms
        if canonical(term.text) != skill.name
    ]
    assert lost == []


def test_every_term_standing_alone_is_matched_as_its_skill() -> None:
    lost = [
        f"{term.text} gives {skills_in(term.text)}, not {skill.name} ({skill.where})"
        for skill in read_taxonomy()
        for term in skill.terms
        if skills_in(term.text) != (skill.name,)
    ]
    assert lost == []


def test_every_family_has_several_skills_and_each_skill_knows_its_family() -> None:
    sizes = Counter(skill.family for skill in read_taxonomy())
    assert min(sizes.values()) >= 10
    assert SOFT_SKILLS in sizes
    assert all(family_of(skill.name) == skill.family for skill in read_taxonomy())


def test_lines_are_sorted_within_their_family() -> None:
    by_family: dict[str, list[str]] = {}
    for skill in read_taxonomy():
        by_family.setdefault(skill.family, []).append(skill.name.lstrip(".").casefold())
    assert [family for family, names in by_family.items() if names != sorted(names)] == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("Python\n", "x.txt:1: 'Python' stands before", id="a skill needs a family"),
        pytest.param("[a]\nPython | | py\n", "x.txt:2: an empty term", id="an empty alias is a slip"),
        pytest.param("[a]\nPython | =\n", "x.txt:2: an empty term", id="a mark without a term is a slip"),
        pytest.param("[a\nPython\n", "x.txt:1: a family line", id="an unclosed family would swallow skills"),
    ],
)
def test_a_broken_line_is_named(text: str, message: str) -> None:
    with pytest.raises(TaxonomyError, match=message.replace("[", r"\[")):
        list(parse("x.txt", text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("We use Google tools.", (), id="Go is not in Google"),
        pytest.param("Go to our careers page.", (), id="a verb at the start of a sentence is not Go"),
        pytest.param("Own our go-to-market motion", ("Go-to-market strategy",), id="go-to-market is its own skill"),
        pytest.param("Services written in Go.", ("Go",), id="in before a name is evidence"),
        pytest.param("Go 1.22 or later", ("Go",), id="a version is evidence"),
        pytest.param("Go, Rust or Swift", ("Go", "Rust", "Swift"), id="ambiguous names in a list bear each other out"),
        pytest.param("python, go and java", ("Python", "Go", "Java"), id="wrong case counts inside a sure list"),
        pytest.param("Our R&D centre", ("Research and development",), id="R is not in R&D"),
        pytest.param("Contact John R. Smith.", (), id="an initial is not R"),
        pytest.param("Python, SQL and R.", ("Python", "SQL", "R"), id="R at the end of a sentence after a list"),
        pytest.param("C, C++ and C#", ("C", "C++", "C#"), id="C, C++ and C# are three languages"),
        pytest.param("C/C++", ("C", "C++"), id="a slash separates"),
        pytest.param("Meets C-level executives", (), id="C-level is not C"),
        pytest.param("Objective-C", ("Objective-C",), id="the longest term wins"),
        pytest.param("ASP.NET and .NET Core", ("ASP.NET", ".NET"), id="a leading dot belongs to .NET"),
        pytest.param("a net gain", (), id="net without its dot is a word"),
        pytest.param("Node.js, node js, NodeJS", ("Node.js",), id="spellings of one skill are one skill"),
        pytest.param("JavaScripty Javanese", (), id="a beginning of a longer word is nothing"),
        pytest.param("REST APIs", ("REST",), id="a plural s is allowed"),
        pytest.param("the rest of the team", (), id="rest is a word"),
        pytest.param("You excel at selling", (), id="a verb is not Excel"),
        pytest.param("Excel at what you do", (), id="a verb with a capital is not Excel"),
        pytest.param(
            "Word, Excel and Outlook", ("Microsoft Word", "Microsoft Excel", "Microsoft Outlook"), id="a list"
        ),
        pytest.param("Access to great teams", (), id="Access and teams are words"),
        pytest.param("Fluent in German", ("German",), id="a language one speaks"),
        pytest.param("the German market", (), id="an adjective is no language skill"),
        pytest.param("front-end, frontend, front end", ("Front-end development",), id="hyphens do not matter"),
        pytest.param("optimisation of modelling: data modelling", ("Data modeling",), id="British spelling"),
        pytest.param("machine,learning", (), id="a term does not run across punctuation"),
        pytest.param("write to jobs@stripe.com or github.com/x", (), id="addresses are not skills"),
        pytest.param("Experience in research", ("Research",), id="a common noun with a word of competence"),
        pytest.param("research shows that teams differ", (), id="a common noun without evidence"),
        pytest.param("", (), id="nothing in nothing"),
    ],
)
def test_terms_are_read_in_their_surroundings(text: str, expected: tuple[str, ...]) -> None:
    assert skills_in(text) == expected


def test_a_title_speaks_for_common_nouns() -> None:
    assert "Sales" in find_skills("Head of Sales", "").required


def test_soft_skills_can_be_left_out() -> None:
    found = find_skills("Baker", "Teamwork and baking experience.", without={SOFT_SKILLS})
    assert found.required == ("Baking",)
    assert found.families == ("hospitality and food",)


POSTING = """We build services in Python.

Requirements

- Kubernetes
- Terraform, AWS is a plus

Nice to have:

- Rust
- Python
- Kafka

About us

We run PostgreSQL. Knowledge of Redis is preferred but not required. Docker is a must; Ansible would be a plus."""


def test_a_section_that_is_nice_to_have_ends_at_the_next_heading() -> None:
    found = find_skills("Engineer", POSTING)
    assert found.required == ("Python", "Kubernetes", "PostgreSQL", "Docker")
    assert found.preferred == ("Terraform", "Amazon Web Services", "Rust", "Kafka", "Redis", "Ansible")


@pytest.mark.parametrize(
    "heading",
    ["Nice to have", "Preferred Qualifications", "Bonus points if you know:", "Desirable:", "It's a plus if you have:"],
)
def test_headings_of_preference_are_known(heading: str) -> None:
    found = find_skills("Engineer", f"Python\n\n{heading}\n\n- Rust\n- Kafka\n\nBenefits\n\n- Spanish lessons: SQL")
    assert found.preferred == ("Rust", "Kafka")
    assert "SQL" in found.required


def test_a_bonus_in_the_pay_makes_nothing_optional() -> None:
    assert find_skills("Clerk", "Payroll and SQL, annual bonus paid.").preferred == ()


def test_what_the_title_names_is_required_even_if_the_text_prefers_it() -> None:
    assert find_skills("Kubernetes engineer", "Kubernetes is a plus.").required == ("Kubernetes",)


def test_a_preference_on_one_line_reaches_only_that_line() -> None:
    found = find_skills("Engineer", "Nice to have: Kafka, Redis\n\nYou know Python.")
    assert found.preferred == ("Kafka", "Redis")
    assert found.required == ("Python",)


def test_an_adverb_of_preference_governs_only_what_follows() -> None:
    found = find_skills("Engineer", "- Five years of Python, ideally with Kafka")
    assert found.required == ("Python",)
    assert found.preferred == ("Kafka",)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            "İstanbul \u2013 “Python” • Kubernetes™, naïve café", id="letters whose lower case has another length"
        ),
        pytest.param("🚀🚀 Python & Kubernetes", id="characters outside the basic plane"),
        pytest.param("Python\u00a0programming, Kubernetes\u2019s", id="typographic blanks and apostrophes"),
    ],
)
def test_spans_are_in_characters_of_the_original_text(text: str) -> None:
    found = {name: text[start:end] for start, end, name in spans(text)}
    assert found["Kubernetes"] == "Kubernetes"
    assert found["Python"].startswith("Python")


def test_plain_text_keeps_its_length_and_folding_keeps_its_bytes() -> None:
    text = "“Go” \u2013 it\u2019s C++™ • naïve\u00a0🚀"
    assert len(plain(text)) == len(text)
    assert len(plain(text).encode()) == len(fold(text))
    assert len(FOLD) == 256


@pytest.mark.parametrize(
    ("term", "name"),
    [
        pytest.param("golang", "Go", id="an alias"),
        pytest.param(" KUBERNETES ", "Kubernetes", id="blanks and case"),
        pytest.param("ci-cd", "CI/CD", id="hyphens for slashes"),
        pytest.param("excel", "Microsoft Excel", id="ambiguous in text, not in a profile"),
        pytest.param("no such skill", None, id="unknown"),
    ],
)
def test_a_profile_may_write_a_skill_as_it_likes(term: str, name: str | None) -> None:
    assert canonical(term) == name


def test_the_family_of_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError):
        family_of("golang")
