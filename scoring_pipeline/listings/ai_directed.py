"""Passages of a posting that address a model or an AI reader instead of a person.

What belongs here: finding them, so that they can be shown, counted and kept from steering a score. What does not:
removing them; the description stays as published, and a prompt fences it as data whatever is found here.

Two steps keep it cheap and quiet: one pass for trigger words, then patterns on the lines that hold one. A posting for
people who build language models speaks of prompts, agents and instructions all the time; a pattern needs a second
person or a command, not a topic.
"""

import re
from functools import lru_cache

from ahocorasick_rs import AhoCorasick, Implementation

MAX_PASSAGES = 10
MAX_LENGTH = 400
MAX_LINES = 2000  # more lines with a trigger than any posting has: the rest is not looked at
_READ = 2000


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split("|"))


_READERS = _words(
    "ai|a.i|artificial|llm|large|language|any|all|the |chat|gpt|claude|gemini|bot|robot|web|scraper|crawler|autonomous"
    "|now|a ai|a bot|a robot|a large|a language|a chat|a web|a scraper|a crawler|a helpful|a gpt|an ai|an a.i|an llm"
    "|an artificial|an autonomous"
)
_TO = (" to ", " for ")
_TRIGGERS = (
    *(begin + reader for begin in _words("you are |you're |happen to be |read by ") for reader in _READERS),
    *(begin + reader for begin in _words("dear |attention |hello |hey |notice |instructions ") for reader in _READERS),
    *(begin + to for begin in _words("note|message|notice|instruction|instructions|attention") for to in _TO),
    *(verb + " this" for verb in _words("reading|parsing|processing|scoring|screening|summarizing|evaluating")),
    *(verb + " this" for verb in _words("rate|score|rank|give|assign|award|processed|parsed")),
    *_words("ignore |disregard |forget |override |bypass |ignoriere|ignorez|ignora |you are using|you're using"),
    *_words("as an ai|as a large|as an llm|as a language|as an large|system:|system prompt|system message|assistant:"),
    *_words("your prompt|respond|reply with|output|[inst|[/inst|<<sys|</system|<system|du eine ki|sie eine ki"),
    *_words(" una ia| une ia|sprachmodell|lengu|intelig|intelligence artificielle"),
    "<|",
)

_MACHINE = (
    r"(?:(?:an? |the |any |all )?(?:ai|a\.i\.|llms?|large language models?|language models?|artificial intelligence"
    r"|chat ?bots?|chat ?gpt|gpt(?:-?\d\w*)?|claude|gemini|(?:ro)?bots?|(?:ai|llm|autonomous) "
    r"(?:agents?|assistants?|models?|systems?|tools?|bots?|readers?|screeners?|scrapers?)"
    r"|(?:web )?scrapers?|crawlers?))"
)
_DROP = r"\b(?:ignore|disregard|forget|override|bypass)\b"
_BEFORE = r"(?:previous|prior|preceding|above|earlier|foregoing|other|existing|system|original|initial|your)"
_ORDERS = (
    r"(?:instructions?|prompts?|directions?|directives?|commands?|guidelines|rules(?! of thumb)|messages?|context"
    r"|training)"
)
_BEING = r"(?:you are|you're|you happen to be|this is(?: being)? (?:read|processed|parsed) by)"
# After "you are an AI": the end of the condition, or what the machine does. "You are an AI engineer" goes on otherwise.
_THEN = (
    r"(?=\s*(?:[,.;:!)\u2013\u2014-]|reading|processing|parsing|reviewing|scanning|screening|summari[sz]ing|scoring"
    r"|please|then|and|or|$))"
)
_AT_WORK = r"(?:reading|parsing|processing|scoring|screening|summarizing|evaluating)"
_POSTING = r"(?:job|role|posting|listing|position|candidate|applicant|resume|cv)"
_FOREIGN_ORDERS = r"(?:anweisungen|instructions pr\u00e9c\u00e9dentes|instrucciones|instru\u00e7\u00f5es)"
_COLON = r"[:,!\u2013\u2014-]"
_ROLE = r"(?:an? |the )?(?:ai|llm|large language model|language model|chat ?gpt|chat ?bot|helpful assistant|helpful ai)"
_ANSWER = r"(?:output|respond|reply|answer)(?: only)?(?: with)?"
_PUT = r"(?:include|insert|add|write|mention|start|begin|use the word)"
_ROMANCE = r"(?:ia|intelig\w+ artificial|intelligence artificielle|mod\w+ de lang\w+)\b"
_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # Commands to drop what was said before.
        rf"{_DROP} (?:(?:all|any|every|of|the|these|those|my|your) )*{_BEFORE} (?:\w+ )?{_ORDERS}",
        rf"{_DROP} (?:all|everything|anything)\b[^.]{{0,20}}\b(?:above|before|previous\w*|{_ORDERS})\b",
        rf"\b(?:ignoriere|ignorez|ignora|ignore)\b[^.]{{0,30}}\b{_FOREIGN_ORDERS}\b",
        # A condition or a role put to the reader.
        rf"\b(?:if|when|since|as) {_BEING} {_MACHINE}{_THEN}",
        rf"\b(?:note|message|instructions?|attention|notice|dear|hello|hey) (?:to |for )?{_MACHINE}\s*{_COLON}",
        rf"\b(?:note|message|notice) (?:to|for) {_MACHINE}\b",
        rf"\byou are (?:now )?{_ROLE}(?:\s*[,.;:]| (?:model|assistant|language model)\b| that\b| who\b)",
        r"\bas an? (?:ai|large|llm)(?: language)? model\b\s*[,;]? ?(?:you|i|please|we)\b",
        rf"\b{_MACHINE} {_AT_WORK} this\b",
        # Orders about the verdict.
        rf"\b(?:give|assign|award) (?:this|the) {_POSTING}[^.]{{0,40}}\b(?:score|rating|rank)\b",
        rf"\b(?:rate|score|rank) this {_POSTING}\b[^.]{{0,40}}(?:\d|high|top|perfect|best|max)",
        rf"\b(?:always|must|please|only|should) {_ANSWER} (?:the (?:word|phrase|score)|\"|'|json\b)",
        # The markup of prompts.
        r"<\|(?:im_start|im_end|system|user|assistant|endoftext)\|?>?|\[/?INST\]|<</?SYS>>|</?system(?:[_ -]prompt)?>",
        r"^\W*(?:system|assistant)(?: prompt| message)?\s*:\s*\S",
        r"\b(?:reveal|print|repeat|output|show|include|share)\b[^.]{0,30}\b(?:your (?:system )?|the system )prompt\b",
        rf"\bif (?:you are|you're) using {_MACHINE}[^.]{{0,60}}\b{_PUT}\b",
        r"\b(?:wenn|falls) (?:du|sie) eine? (?:ki|k\u00fcnstliche intelligenz|sprachmodell)\w*",
        rf"\bsi (?:eres|es|vous \u00eates|tu es) un[ea]? {_ROMANCE}",
    )
)
_SENTENCES = re.compile(r"(?<=[.!?])\s+(?=[\"'\u201c(A-Z\u00c0-\u00de])")
_CURLY = (("\u2019", "'"), ("\u2018", "'"), ("\u201c", '"'), ("\u201d", '"'))


@lru_cache(maxsize=1)
def _triggers() -> AhoCorasick:
    return AhoCorasick(_TRIGGERS, implementation=Implementation.DFA)  # few short words: small, and twice as fast


def _trimmed(sentence: str) -> str:
    bare = sentence.strip().removeprefix("- ")
    return bare if len(bare) <= MAX_LENGTH else bare[: MAX_LENGTH - 1] + "\u2026"


def _straight(text: str) -> str:
    """Return `text` with straight quotation marks; as long as it was."""
    if not text.isascii():
        for curly, straight in _CURLY:
            text = text.replace(curly, straight)
    return text


def _triggered_lines(text: str) -> list[str]:
    """Return the lines that hold a trigger word, in order."""
    folded = _straight(text).lower()
    if len(folded) != len(text):
        text = folded  # a letter whose lower case is longer: positions no longer agree
    lines: list[str] = []
    done = 0
    for _, start, _ in _triggers().find_matches_as_indexes(folded):
        if start >= done:
            begin = text.rfind("\n", 0, start) + 1
            end = text.find("\n", start)
            done = len(text) if end < 0 else end
            lines.append(text[begin:done])
    return lines


def passages(description: str) -> tuple[str, ...]:
    """Return the sentences that address a model or an AI reader, as published, each up to 400 characters, up to 10."""
    found: dict[str, None] = {}
    for line in _triggered_lines(description)[:MAX_LINES]:
        for sentence in _SENTENCES.split(line):
            bounded = _straight(sentence[:_READ])
            if any(pattern.search(bounded) for pattern in _PATTERNS):
                found.setdefault(_trimmed(sentence))
    return tuple(found)[:MAX_PASSAGES]
