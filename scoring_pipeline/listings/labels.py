"""Free-text location labels to places: `"New York, NY (HQ)"`, `"SF, NYC, SEA"`, `"A; B; C"`, `"U.S. - Remote"`.

What belongs here: taking one label apart. What does not: names and codes (`gazetteer.py`), structured fields and how
they are joined with labels (`places.py`), what a label says about remote work (`remote.py`).

A label is cut into pieces (`;`, `|`, `/`, "or" ...), pieces into parts at commas, parts into tokens at dashes. A token
is a country, a subdivision, an area, a word about the way of working, or else the name of a city. Neighbouring tokens
of one piece are joined: a city takes the subdivision and country that follow it.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, TypeAlias

from scoring_pipeline.listings.gazetteer import (
    FOREIGN_CODES,
    area,
    city_name,
    country_code,
    fold,
    is_city_alias,
    subdivision,
)
from scoring_pipeline.listings.model import Place

Kind: TypeAlias = Literal["city", "region", "area", "wide", "country"]


def _listed(text: str) -> frozenset[str]:
    return frozenset(text.split("|"))


# OR is Oregon as well: it separates only between words, not after a comma.
_PIECES = re.compile(r"\s*(?:;|\||\u2022|\u00b7|\n|/|\+|&|\b(?:or|and|Or|And)\b|(?<=[^,\s])\s+(?:OR|AND)\s+(?=\w))\s*")
_JOINED = re.compile(r"\b(Bosnia|Trinidad|Antigua|Newfoundland|Turks|Saint Kitts)\s+(and|&)\s+", re.IGNORECASE)
_DASHES = re.compile(r"\s+[-\u2013\u2014]+\s*|\s*[\u2013\u2014:]+\s*|-\s+")
_TAIL = re.compile(r"\s+[-\u2013\u2014]+\s*(?:fully\s+)?(?:remote|hybrid|on-?site)\s*$", re.IGNORECASE)
_MODES = _listed(
    "remote|remotely|hybrid|onsite|on-site|in-office|in-person|office|offices|distributed|anywhere|wfh|rem"
    "|remote-friendly|remote-first|remote-global|travel-required"
)
_NOISE = _MODES | _listed("hq|headquarters|only|preferred|in|from|within|fully|based|national|nationwide|job")
_NOT_A_CITY = _listed(
    "n/a|na|tbd|tba|location|locations|multiple locations|various|various locations|multiple|all locations|any location"
    "|select locations|flexible|unknown|none|other|eastern|western|home|home office|virtual|field|travel required|the"
)
_CITY = re.compile(r"[^\W\d_][^\d_<>{}\[\]@#=*]*")
_SPACED_COMMA = re.compile(r"\s+,[\s,]*")
_WASHINGTON = re.compile(r"\bWashington,?\s+D\.?C\b\.?", re.IGNORECASE)
_CITY_WORDS = 5
_MAX_LABEL = 1000
_ABBREVIATION = 3


@dataclass(frozen=True)
class _Token:
    kind: Kind
    value: str
    raw: str
    country: str | None = None
    alone: bool = False


def _is_noise(word: str) -> bool:
    return word != "IN" and word.casefold() in _NOISE  # IN is Indiana or India


def _strip_noise(text: str) -> tuple[str, bool]:
    """Return `text` without words about the way of working at either end, and whether one of them was there."""
    words = text.strip(" .,*").split()
    found = False
    while words and _is_noise(words[0]):
        found |= words.pop(0).casefold() in _MODES
    while words and _is_noise(words[-1]):
        found |= words.pop().casefold() in _MODES
    if len(words) > 1 and words[0].casefold() == "the" and _named(" ".join(words[1:])):
        words.pop(0)
    return " ".join(words), found


def _named(text: str) -> _Token | None:
    """Return the token of a name or code that the gazetteer knows."""
    if text.casefold() == "georgia":
        return _Token("area", text, text)  # a US state and a country: neither is guessed
    if (part := subdivision(text)) and not (len(text) == 2 and country_code(text)):  # noqa: PLR2004 - a code
        if fold(text) == "new york":
            return _Token("city", "New York", text, "US")  # the city or the state: the country is the same
        return _Token("region", part.code, text, part.country)
    if part is None and (code := country_code(text)):
        return _Token("country", code, text, code)
    if found := area(text):
        return _Token("wide" if found.wide else "area", found.name, text, found.country)
    return None


def _ambiguous(text: str, city: str | None) -> _Token | None:
    """Return the token of a code that is a subdivision's and a country's, decided by the city beside it."""
    if len(text) != 2 or city is None or not (part := subdivision(text)) or not country_code(text):  # noqa: PLR2004
        return None
    beside = subdivision(city)
    if fold(city) in FOREIGN_CODES.get(text, frozenset()) or (beside and beside.country == text):
        return _Token("country", text, text, text)
    return _Token("region", part.code, text, part.country)


def _begins(part: str) -> bool:
    """Whether a hyphen after `part` separates it from what follows: `US-SF`, `Remote-Canada`, `CA-Toronto`."""
    return _is_noise(part) or country_code(part) is not None or (len(part) == 2 and subdivision(part) is not None)  # noqa: PLR2004


def _ends(part: str) -> bool:
    """Whether a hyphen before `part` separates it: `SF-HQ`, `London-UK`, but not `Île-de-France`."""
    return _is_noise(part) or (part.isupper() and country_code(part) is not None)


def _split_words(text: str) -> list[str]:
    """Split `"Seattle WA"`, `"US East Coast"` and `"Canada-Toronto"` where an end is a known name; else leave whole."""
    if _named(text) or is_city_alias(text):
        return [text]
    if "-" in text:
        parts = [part for part in text.split("-") if part]
        if len(parts) > 1 and (_begins(parts[0]) or _ends(parts[-1])):
            return parts
    words = text.split()
    if len(words) > 1:
        rest = " ".join(words[1:])
        if country_code(words[0]) and (words[0].isupper() or _named(rest) or is_city_alias(rest)):
            return [words[0], rest]
        last = subdivision(words[-1]) if words[-1].isupper() else country_code(words[-1])
        if last and words[-1].casefold() not in _NOISE:
            return [" ".join(words[:-1]), words[-1]]
    return [text]


def _city(text: str) -> _Token | None:
    folded = fold(text)
    if folded in _NOT_A_CITY or folded in _NOISE or len(text.split()) > _CITY_WORDS or not _CITY.fullmatch(text):
        return None
    if text[0].islower() and not is_city_alias(text):
        return None
    name = city_name(text)
    return _Token("city", name, text, "US" if name == "New York" else None)


def _part_tokens(part: str, city: str | None) -> list[_Token]:
    """Return the tokens of what stands between two commas; `city` is the one that stands before it, if any."""
    texts: list[str] = []
    mode = False
    for chunk in _DASHES.split(part):
        bare, found = _strip_noise(chunk)
        mode |= found
        for text in _split_words(bare) if bare else ():
            inner, found = _strip_noise(text)
            mode |= found
            texts.extend([inner] if inner else [])
    tokens: list[_Token] = []
    for index, text in enumerate(texts):
        beside = texts[index + 1] if index + 1 < len(texts) else (texts[index - 1] if index else city)
        token = _named(text) or _ambiguous(text, beside) or _city(text)
        if token is not None:
            tokens.append(replace(token, alone=mode))
    return tokens


def _join(tokens: list[_Token]) -> list[Place]:
    """Join neighbouring tokens of one piece into places."""
    places: list[Place] = []
    current: Place | None = None
    inherited: str | None = None
    for token in tokens:
        joined = None if current is None else _extend(current, token, inherited is not None)
        if joined is not None:
            current = joined
            continue
        if current is not None:
            places.append(current)
        current = _begin(token, inherited)
        if token.kind == "country" and not places and not token.alone:
            inherited = token.value
    if current is not None:
        places.append(current)
    return places


def _begin(token: _Token, inherited: str | None) -> Place:
    if token.kind == "city":
        return Place(city=token.value, country=inherited or token.country, label=token.raw)
    if token.kind == "country":
        return Place(country=token.value, label=token.raw)
    capital = token.value == "DC" and token.country == "US"
    return Place(city="Washington" if capital else None, region=token.value, country=token.country, label=token.raw)


def _extend(place: Place, token: _Token, inherits: bool) -> Place | None:
    """Return `place` with what `token` adds to it, or None where the token begins another place."""
    if token.kind == "city":
        found = _with_city(place, token, inherits)
    elif token.alone and place.city:
        found = None
    elif token.kind == "country":
        found = _with_country(place, token, inherits)
    else:
        found = _with_region(place, token)
    return None if found is None else found.model_copy(update={"label": f"{place.label}, {token.raw}"})


def _with_city(place: Place, token: _Token, inherits: bool) -> Place | None:
    if place.city == token.value == "New York" and place.region is None:
        return place.model_copy(update={"region": "NY"})
    if inherits and place.country and not place.city and not place.region:
        return place.model_copy(update={"city": token.value})
    return None


def _with_region(place: Place, token: _Token) -> Place | None:
    if token.kind == "wide" or place.region or (place.country and token.country and place.country != token.country):
        return None
    abbreviated = is_city_alias(place.label) and len(place.label) <= _ABBREVIATION
    inside = place.country and token.kind == "area" and not token.country
    if (place.city and not abbreviated) or inside:
        return place.model_copy(update={"region": token.value, "country": token.country or place.country})
    return None


def _with_country(place: Place, token: _Token, inherits: bool) -> Place | None:
    if place.country == token.value and (place.city or place.region) and not inherits:
        return place
    if place.country is None and place.region not in _WIDE_NAMES:
        return place.model_copy(update={"country": token.value})
    return None


_WIDE_NAMES = frozenset({"Worldwide", "EMEA", "APAC", "AMER", "EU", "Europe", "LATAM", "North America", "Americas"})


def _in_order(tokens: list[_Token], parts: int) -> list[_Token]:
    """Read `city, region, country` where nothing is known of the middle, and a country's name used as a city's."""
    kinds = [token.kind for token in tokens]
    if parts == len(tokens) == 3 and kinds == ["city", "city", "country"] and not is_city_alias(tokens[1].raw):  # noqa: PLR2004
        return [tokens[0], replace(tokens[1], kind="area"), tokens[2]]
    if len(tokens) > 1 and kinds[0] == "country" and not tokens[0].alone:
        same = kinds[1] == "country" and fold(tokens[0].raw) == fold(tokens[1].raw) and not tokens[1].alone
        if same or (kinds[1] == "region" and tokens[1].country != tokens[0].value):
            return [replace(tokens[0], kind="city", value=tokens[0].raw, country=None), *tokens[1:]]
    return tokens


def _piece_places(piece: str) -> list[Place]:
    tokens: list[_Token] = []
    parts = [part for part in _TAIL.sub("", piece).split(",") if part.strip()]
    for part in parts:
        city = tokens[-1].raw if tokens and tokens[-1].kind == "city" else None
        tokens.extend(_part_tokens(part, city))
    places = _join(_in_order(tokens, len(parts)))
    if len(places) == 1:
        return [places[0].model_copy(update={"label": _SPACED_COMMA.sub(", ", piece).strip(" ,")})]
    return places


@lru_cache(maxsize=8192)
def places_in(label: str) -> tuple[Place, ...]:
    """Return the places a label names, in its order, without duplicates; none for a label about the way of working."""
    if len(label) > _MAX_LABEL or fold(label) in _NOT_A_CITY:
        return ()
    text = re.sub(r"[()\[\]]", " , ", label)
    text = _JOINED.sub("\\1 \x00 ", text)
    text = _WASHINGTON.sub("Washington DC", text)
    found: dict[tuple[str | None, str | None, str | None], Place] = {}
    for piece in _PIECES.split(text):
        for place in _piece_places(piece.replace("\x00", "and").strip(" ,")):
            found.setdefault((place.city, place.region, place.country), place)
    if len(found) == 1:
        return tuple(place.model_copy(update={"label": label.strip()}) for place in found.values())
    return tuple(found.values())
