"""Names and codes of countries, of US states and Canadian provinces, and a few names wider or narrower than those.

What belongs here: look-ups of a name that stands for a place. What does not: how a label is taken apart (`labels.py`).
The tables are read from the package's data on first use. There is no list of cities: a city's country is never guessed.
The one exception is `FOREIGN_CODES`, for codes that are a US state's and a country's alike.
"""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

# Codes that mean a US state or Canadian province and a country, with cities that tell which country is meant.
FOREIGN_CODES: dict[str, frozenset[str]] = {
    code: frozenset(cities.split("|"))
    for code, cities in {
        "AR": "buenos aires|cordoba|rosario|mendoza",
        "CA": "toronto|vancouver|montreal|ottawa|calgary|edmonton|waterloo|kitchener|quebec|winnipeg|halifax|victoria",
        "CO": "bogota|medellin|cali|barranquilla",
        "DE": "berlin|munich|munchen|hamburg|cologne|koln|frankfurt|frankfurt am main|stuttgart|dusseldorf|leipzig"
        "|dresden|heidelberg|karlsruhe|bonn|nuremberg|nurnberg|darmstadt|walldorf|hannover|bremen",
        "GA": "libreville",
        "ID": "jakarta|bandung|surabaya|bali",
        "IL": "tel aviv|tel aviv-yafo|haifa|jerusalem|herzliya|ramat gan",
        "IN": "bangalore|bengaluru|mumbai|delhi|new delhi|hyderabad|pune|chennai|gurgaon|gurugram|noida|kolkata"
        "|ahmedabad|jaipur|kochi|coimbatore",
        "MA": "casablanca|rabat|tangier|marrakesh",
        "MD": "chisinau",
        "MN": "ulaanbaatar",
        "MT": "valletta|sliema|st julians",
        "NL": "amsterdam|rotterdam|utrecht|eindhoven|the hague|den haag|delft|groningen",
        "PA": "panama city",
        "PE": "lima|arequipa",
        "SK": "bratislava|kosice",
        "TN": "tunis|sfax",
    }.items()
}

# Areas of several countries.
_WIDE = {
    "africa": "Africa",
    "amer": "AMER",
    "americas": "Americas",
    "the americas": "Americas",
    "anz": "ANZ",
    "apac": "APAC",
    "apj": "APJ",
    "asia": "Asia",
    "asia pacific": "APAC",
    "asia-pacific": "APAC",
    "benelux": "Benelux",
    "cee": "CEE",
    "dach": "DACH",
    "eastern europe": "Eastern Europe",
    "emea": "EMEA",
    "eu": "EU",
    "europe": "Europe",
    "european union": "EU",
    "global": "Worldwide",
    "globally": "Worldwide",
    "latam": "LATAM",
    "latin america": "LATAM",
    "mena": "MENA",
    "middle east": "Middle East",
    "nordics": "Nordics",
    "north america": "North America",
    "south america": "South America",
    "southeast asia": "Southeast Asia",
    "uki": "UKI",
    "western europe": "Western Europe",
    "world": "Worldwide",
    "worldwide": "Worldwide",
}
# Parts of one country that are not subdivisions; a country beside them belongs to them.
_AREAS = {
    "central": "Central",
    "central timezone": "Central",
    "east coast": "East Coast",
    "midwest": "Midwest",
    "northeast": "Northeast",
    "pacific northwest": "Pacific Northwest",
    "pnw": "Pacific Northwest",
    "southeast": "Southeast",
    "southwest": "Southwest",
    "west coast": "West Coast",
    "england": "England",
    "northern ireland": "Northern Ireland",
    "scotland": "Scotland",
    "wales": "Wales",
}
_BRITISH = frozenset({"england", "northern ireland", "scotland", "wales"})
_CITIES = {
    "atl": "Atlanta",
    "chi": "Chicago",
    "dub": "Dublin",
    "new york city": "New York",
    "new-york": "New York",
    "nyc": "New York",
    "san fran": "San Francisco",
    "san fransisco": "San Francisco",
    "sea": "Seattle",
    "sf": "San Francisco",
    "tor": "Toronto",
}


@dataclass(frozen=True)
class Subdivision:
    """A US state or Canadian province."""

    country: str
    code: str


@dataclass(frozen=True)
class Area:
    """A named part of the world: within one country where `country` says so, within none where `wide`."""

    name: str
    country: str | None = None
    wide: bool = False


@lru_cache(maxsize=16384)
def fold(name: str) -> str:
    """Return a name as it is compared: no accents, no case, single spaces, no trailing full stop."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return " ".join(plain.casefold().replace("\u2019", "'").split()).rstrip(".")


def _rows(name: str) -> list[list[str]]:
    text = (files("scoring_pipeline.listings") / "data" / name).read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]


@lru_cache(maxsize=1)
def _countries() -> tuple[dict[str, str], frozenset[str]]:
    """Return alpha-2 codes by folded name, other name and alpha-3 code, and the set of alpha-2 codes."""
    names: dict[str, str] = {}
    codes = set()
    for alpha2, alpha3, name, others in _rows("countries.tsv"):
        codes.add(alpha2)
        for known in (alpha3, name, *others.split("|")):
            if known:
                names[fold(known)] = alpha2
    return names, frozenset(codes)


@lru_cache(maxsize=1)
def _subdivisions() -> tuple[dict[str, Subdivision], dict[str, Subdivision]]:
    """Return subdivisions by folded name, and by code."""
    names: dict[str, Subdivision] = {}
    codes: dict[str, Subdivision] = {}
    for country, code, name, others in _rows("subdivisions.tsv"):
        found = Subdivision(country, code)
        codes[code] = found
        for known in (name, *others.split("|")):
            if known:
                names[fold(known)] = found
    return names, codes


def country_code(name: str) -> str | None:
    """Return the alpha-2 code of a country given by name, other name, alpha-3 or alpha-2 code; None if it is none.

    Two and three letter codes count in upper case only, so that words of a label are not mistaken for them.
    """
    names, codes = _countries()
    stripped = name.strip()
    if len(stripped) == 2 and stripped in codes:  # noqa: PLR2004 - alpha-2
        return stripped
    found = names.get(fold(stripped))
    short = len(stripped.replace(".", "")) <= 3  # noqa: PLR2004 - alpha-3, UK, U.S.A.
    return None if found and short and stripped.isascii() and not stripped.isupper() else found


def any_country_code(name: str) -> str | None:
    """Return the alpha-2 code of what a field for countries holds, codes in any case included."""
    return country_code(name) or country_code(name.strip().upper())


def subdivision(name: str) -> Subdivision | None:
    """Return the US state or Canadian province of that name, or code in upper case; None for an ambiguous name."""
    names, codes = _subdivisions()
    stripped = name.strip()
    return codes.get(stripped.rstrip(".")) or names.get(fold(stripped))


def area(name: str) -> Area | None:
    """Return the area of that name, wider than a country or inside one."""
    folded = fold(name)
    if folded in _WIDE:
        return Area(_WIDE[folded], wide=True)
    if folded in _AREAS:
        return Area(_AREAS[folded], "GB" if folded in _BRITISH else None)
    return None


def city_name(name: str) -> str:
    """Return a city's usual name for its abbreviation or misspelling (`NYC`), else the name as it is."""
    return _CITIES.get(fold(name), name)


def is_city_alias(name: str) -> bool:
    """Whether `name` is an abbreviation that stands for a city."""
    return fold(name) in _CITIES
