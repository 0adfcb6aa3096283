"""BibTeX entries: parsed into references, and references as BibTeX or in words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from itbench.errors import BadPlugin

ENTRY = re.compile(r"@\s*(\w+)\s*\{")
FIELD = re.compile(r"\s*([\w-]+)\s*=\s*")
KEY = re.compile(r"[^\s,{}\"#%~\\=@()']+")
LATEX = {"---": "—", "--": "–", "``": "“", "''": "”", "`": "‘", "'": "’", "~": "\u00a0"}
PLACE = ("journal", "booktitle", "publisher", "institution")  # of which a reference in words names the first it has


@dataclass(frozen=True)
class Reference:
    """Entry of a bibliography.

    Parameters
    ----------
    key : str
    kind : str
        Such as ``article``.
    fields : mapping of str to str
        Without their delimiters.
    used_by : tuple of str
        What of itbench it is cited for.
    """

    key: str
    kind: str
    fields: Mapping[str, str]
    used_by: tuple[str, ...] = ()

    @property
    def bibtex(self) -> str:
        """The entry as BibTeX."""
        lines = [f"@{self.kind}{{{self.key},", *(f"  {name} = {{{text}}}," for name, text in self.fields.items()), "}"]
        return "\n".join(lines)

    @property
    def text(self) -> str:
        """The entry in words: authors (year). Title. Journal volume, pages. DOI."""
        plain = {name: _without_latex(text) for name, text in self.fields.items()}
        place = next((plain[name] for name in PLACE if name in plain), "")
        place = " ".join(filter(None, (place, plain.get("volume") or plain.get("number"))))
        place = ", ".join(filter(None, (place, plain.get("pages"))))
        year = f" ({plain['year']})" if "year" in plain else ""
        version = f"Version {plain['version']}" if "version" in plain else ""
        said = [f"{_families(self.fields.get('author', ''))}{year}".strip(), plain.get("title", ""), place, version]
        said = [
            part if part.endswith((".", "?", "!")) else f"{part}." for part in (*said, plain.get("note", "")) if part
        ]
        doi = f"https://doi.org/{plain['doi']}" if "doi" in plain else ""
        arxiv = f"arXiv:{plain['eprint']}" if plain.get("archiveprefix", "").lower() == "arxiv" else ""
        return " ".join(filter(None, (*said, doi or arxiv or plain.get("url", ""))))


def parse_bibtex(text: str, where: str) -> list[Reference]:
    """Parse BibTeX entries; text between them is skipped.

    Raises
    ------
    BadPlugin
        Naming `where`, for braces that do not match, an entry without a key, or abbreviations (``@string``, ``#``).
    """
    found, position = [], 0
    while start := ENTRY.search(text, position):
        kind, position = start[1].lower(), _closing(text, start.end() - 1, where) + 1
        if kind in ("string", "preamble"):
            raise _bad(where, f"@{kind} is not read: write the values out")
        if kind != "comment":
            key, _, body = text[start.end() : position - 1].partition(",")
            if not KEY.fullmatch(key.strip()):
                raise _bad(where, f"an entry has no key, or one that BibTeX refuses: {key.strip()[:40]!r}")
            found.append(Reference(key.strip(), kind, dict(_fields(body, key.strip(), where))))
    if not found:
        raise _bad(where, "there is no entry, such as @article{key, title = {…}}")
    return found


def _fields(body: str, key: str, where: str) -> Iterator[tuple[str, str]]:
    position = 0
    while match := FIELD.match(body, position):
        start = match.end()
        if body[start : start + 1] == "{":
            end = _closing(body, start, where)
            text, position = body[start + 1 : end], end + 1
        elif body[start : start + 1] == '"':
            end = body.find('"', start + 1)
            text, position = body[start + 1 : end if end > 0 else None], (end if end > 0 else len(body)) + 1
        else:
            bare = re.match(r"\w*", body[start:])
            text = bare[0] if bare else ""
            position = start + len(text)
        if not text.strip() or text.count("{") != text.count("}"):
            raise _bad(where, f"the field {match[1]} of {key} has no value, or braces that do not match")
        yield match[1].lower(), " ".join(text.split())
        rest = re.compile(r"\s*(,|$)").match(body, position)
        if not rest:
            raise _bad(where, f"after the field {match[1]} of {key} comes no comma")
        position = rest.end()
    if body[position:].strip():
        raise _bad(where, f"in {key}, this is no field: {body[position:].strip()[:40]!r}")


def _closing(text: str, opening: int, where: str) -> int:
    depth = 0
    for position in range(opening, len(text)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if not depth:
            return position
    raise _bad(where, f"a brace is not closed: {text[opening : opening + 40]!r}")


def _bad(where: str, what: str) -> BadPlugin:
    return BadPlugin(f"The BibTeX of {where} cannot be read: {what}.", todo="Correct it there.")


def _without_latex(text: str) -> str:
    """Return the text of a BibTeX field in plain words: without braces, escapes, and quotes and dashes of LaTeX."""
    text = re.sub(r"\\([&%$#_])", r"\1", re.sub(r"[{}]", "", text))
    for latex, plain in LATEX.items():
        text = text.replace(latex, plain)
    return text


def _families(authors: str) -> str:
    """Return the family names of BibTeX authors: ``Kay, Naselaris & Gallant``."""
    names = [name for name in re.split(r"\s+and\s+(?![^{]*\})", authors) if name]
    short = [re.sub(r"[{}]", "", _family(name)) for name in names]
    return short[0] if len(short) == 1 else f"{', '.join(short[:-1])} & {short[-1]}" if short else ""


def _family(name: str) -> str:
    """Return the part before a comma, the whole of a name in braces, or the last word."""
    family, comma, _ = name.partition(",")
    return family if comma or name.startswith("{") else name.split()[-1]
