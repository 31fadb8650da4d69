"""The docs site as a folder of pages: its links, what it fetches, and code blocks of its sources."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

FETCHING = {"script": "src", "img": "src", "iframe": "src", "source": "src", "object": "data"}


@dataclass
class Page(HTMLParser):
    """A page's anchors, its links, and what a browser fetches to show it."""

    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "link" and given.get("rel") not in ("canonical", "index", "search", "next", "prev"):
            self.fetched.append(given["href"])
        if tag in FETCHING and FETCHING[tag] in given:
            self.fetched.append(given[FETCHING[tag]])


def read_pages(site: Path) -> dict[Path, Page]:
    """Return every page of a site."""
    pages = {}
    for path in site.rglob("*.html"):
        pages[path] = page = Page()
        page.feed(path.read_text("utf-8"))
    return pages


def broken_links(pages: dict[Path, Page]) -> list[str]:
    """Return what leads nowhere: links to pages, files or anchors that are not there."""
    broken = []
    for path, page in pages.items():
        for link in [*page.links, *page.fetched]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            there = pages[target].anchors if target in pages else None
            if not target.is_file() or (anchor and there is not None and anchor not in there):
                broken.append(f"{path.name}: {link}")
    return broken


def fetched_from_elsewhere(site: Path, pages: dict[Path, Page]) -> list[str]:
    """Return what pages or their styles would ask the network for."""
    asked = [f"{path.name}: {link}" for path, page in pages.items() for link in page.fetched]
    found = [one for one in asked if re.search(r": (https?:)?//", one)]
    for style in site.rglob("*.css"):
        found += [
            f"{style.name}: {rule}"
            for rule in re.findall(r"(?:@import|url\()[^;)]*//[^;)]*", style.read_text("utf-8"))
            if "data:" not in rule
        ]
    return found


def files_that_say(site: Path, *texts: str) -> list[str]:
    """Return the files of a site in which one of `texts` stands."""
    return [
        f"{path.relative_to(site)}: {text}"
        for path in site.rglob("*")
        if path.is_file()
        for text in texts
        if text.encode() in path.read_bytes()
    ]


def code_block(page: Path, heading: str, language: str = "bash") -> str:
    """Return the first code block after a heading of a page in Markdown."""
    _, _, rest = page.read_text("utf-8").partition(f"\n## {heading}\n")
    found = re.search(rf"^```{language}\n(.*?)^```", rest, re.DOTALL | re.MULTILINE)
    assert found is not None, f"{page.name}: no {language} block under {heading!r}"
    return found[1]
