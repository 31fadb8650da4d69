"""Gendered words, and what they say of a caption (docs/metrics.md)."""

from loopsim.core.ptb_tokens import words_of

MASCULINE = frozenset(
    "man men male father gentleman gentlemen boy boys uncle husband actor prince waiter son he his him "
    "himself brother brothers guy guys emperor "
    "emperors dude dudes cowboy boyfriend chairman policeman policemen".split()
)
FEMININE = frozenset(
    "woman women female lady ladies mother girl girls aunt wife actress princess waitress daughter she her "
    "hers herself sister sisters queen "
    "queens pregnant girlfriend chairwoman policewoman policewomen".split()
)


def caption_gender(
    caption: str, masculine: frozenset[str] = MASCULINE, feminine: frozenset[str] = FEMININE
) -> str:
    """Return "man", "woman", "both" or "neutral": which list's words the caption has, possessives among them
    ("woman's", "his/her"), words with hyphens not ("a queen-size bed").
    """
    words = set(words_of(caption))
    man, woman = bool(words & masculine), bool(words & feminine)
    return "both" if man and woman else "man" if man else "woman" if woman else "neutral"
