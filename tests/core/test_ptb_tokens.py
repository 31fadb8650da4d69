"""COCO's tokens: what Stanford's rules say of hard cases, and what its program says where there is java."""

import random

import pytest

from loopsim.core.ptb_tokens import tokens_of, words_of
from tests.helpers.coco_server import server_tokens

# A text, its tokens, and the rule of the original that says so.
CASES = [
    ("A man.", "a man", "small letters; the full stop is dropped"),
    ("t-shirt", "t-shirt", "hyphens stay within words"),
    ("black-and-white, red- and blue", "black-and-white red and blue", "a hyphen at an end is a mark"),
    ("20-year-old 747-400 3-D", "20-year-old 747-400 3-d", "digits may stand beside a hyphen"),
    ("U.S.-based co-op.", "u.s.-based co-op", "initials may stand before a hyphen"),
    ("a woman's bag", "a woman 's bag", "'s is cut off"),
    ("women’s MEN'S", "women 's men 's", "the curly apostrophe is written as the straight one"),
    ("the dogs' bowl", "the dogs bowl", "a plural's apostrophe is a quote"),
    ("it's they're we've I'd I'm you'll", "it 's they 're we 've i 'd i 'm you 'll", "six clitics"),
    ("who'd've", "who 'd 've", "clitics of clitics"),
    ("don't can't won't ain't", "do n't ca n't wo n't ai n't", "n't is cut off, whatever is left"),
    ("CAN'T couldn’t", "ca n't could n't", "in capitals, too"),
    ("cannot gonna gotta wanna", "can not gon na got ta wan na", "two words in one"),
    ("gimme lemme wanna-be", "gim me lem me wanna-be", "but a longer match goes first"),
    ("'tis 'twas", "'t is 't was", "two words in one, the other way round"),
    ("dunno", "dunno", "later versions cut it, 3.4.1 does not"),
    ("o'clock O'Neil d'Avignon ma'am", "o'clock o'neil d'avignon ma'am", "apostrophes that are no clitic's"),
    ("y'all", "y' all", "y' is a word before a letter"),
    ("rock'n'roll rock 'n' roll", "rock 'n' roll rock 'n' roll", "'n' is a word"),
    ("the '90s, '99, and 1990's", "the '90s 99 and 1990 's", "'90s is a word, '99 before a comma is none"),
    ("'99 models", "'99 models", "'99 is a word before a blank"),
    ("'em 'til ol' c'mon", "'em 'til ol' c'mon", "words with an apostrophe at an end"),
    ("walkin' nothin'", "walkin nothin", "no others"),
    ("don'ts", "do n'ts", "n' begins a word of its own"),
    ("o’clock", "o’clock", "within a word the curly apostrophe stays"),
    ("can`t", "ca n`t", "and so does the grave accent"),
    ('a "quoted" word', "a quoted word", "quotes are written as `` and '', and dropped"),
    ("'single' “curly” ‘both’ «these»", "single curly both these", "of every kind"),
    ("»‘x", "''` x", "two that are no pair are one token, which is no mark of the list"),
    ("a (round) [square] {curly} one", "a -lrb- round -rrb- -lsb- square -rsb- -lcb- curly -rcb- one",
     "brackets have names; the list has them in capitals, so that they stay"),
    ("5' 6\" tall", "5 6 tall", "feet and inches are quotes"),
    ("1,000 3.5 .5 -5 +7", "1,000 3.5 .5 -5 +7", "numbers with marks and signs"),
    ("at 3:30 pm, 3:30pm", "at 3:30 pm 3:30 pm", "times; letters behind them are words"),
    ("1st 2nd 4x4 3D", "1st 2nd 4x4 3d", "digits and letters"),
    ("50% of it", "50 % of it", "% is a token"),
    ("12/25/2012 2012-12-25", "12/25/2012 2012-12-25", "dates"),
    ("1/2 2 1/2 3-1/2", "1/2 2\u00A01/2 3-1/2", "a whole number belongs to its fraction"),
    ("½ cup, ⅓ ⅛", "1/2 cup 1/3 ⅛", "five fractions are spelled"),
    ("$5 US$5 £5 €5 5¢", "$ 5 us$ 5 # 5 $ 5 5 cents", "the pound is #, the euro $"),
    ("#1 #sunset @bob", "# 1 #sunset @bob", "tags and accounts begin with a letter"),
    ("555-5555 (555) 555-1234", "555-5555 -lrb-555-rrb-\u00A0555-1234", "telephone numbers"),
    ("m² H₂O", "m ² h ₂ o", "raised and lowered digits"),
    ("the U.S. flag", "the u.s. flag", "initials keep their points"),
    ("3 a.m. to 5 P.M.", "3 a.m. to 5 p.m.", "in small letters, too"),
    ("Mr. Smith, mrs. Smith and Dr. Who", "mr. smith mrs. smith and dr. who", "titles"),
    ("St. Louis Ave.", "st. louis ave.", "places"),
    ("etc. vs. Jr.", "etc. vs. jr.", "other abbreviations, and at the end as well"),
    ("at Mass. and in a mass.", "at mass. and in a mass", "states that are words, in capitals only"),
    ("no. 5, fig. 3, no. and fig.", "no. 5 fig. 3 no and fig", "abbreviations before a number only"),
    ("vitamin C. is good", "vitamin c. is good", "single letters are initials"),
    ("route B. The end", "route b the end", "but not before a word that opens a sentence"),
    ("e.g. Ph.D. a.k.a.", "e.g. ph.d. a.k.a.", "of several letters"),
    ("a dog., a cat", "a dog. a cat", "a point before a comma belongs to an abbreviation"),
    ("wait... what.. no… . . .", "wait what no", "ellipses are one token, and dropped"),
    ("hello...world", "hello world", "within words, too"),
    ("end.Start dog.cat a!b", "end.start dog.cat a!b", "a mark between letters is no end"),
    ("no! really? yes?! !!!", "no really yes ?! !!!", "several of ! and ? are one token, which stays"),
    ("a - b -- c --- d – e — f", "a b c d e f", "dashes are --"),
    ("a ----- b", "a ----- b", "but of five hyphens"),
    ("half‑baked", "half‑baked", "the hyphen that does not break"),
    ("soft\u00ADhyphen", "softhyphen", "soft hyphens go"),
    ("and/or his/her s/he", "and/or his/her s/he", "words about a slash are one token"),
    ("a/b/c/d", "a/b/c / d", "three of them at most"),
    ("AT&T, A&W and b&w", "at&t a&w and b & w", "& within capitals"),
    ("&amp; &lt;b&gt; &quot;x&quot; caf&eacute;", "& < b > x caf&eacute;", "entities, but those of accents"),
    ("<b>bold</b> <3", "<b> bold </b> < 3", "tags of HTML"),
    ("http://a.com/b?c=1 www.x.org me@x.com", "http://a.com/b?c=1 www.x.org me@x.com", "addresses"),
    ("photo1.jpg a_b.jpg", "photo1.jpg a_b jpg", "files, without underscores"),
    ("C++ and c#", "c++ and c#", "languages"),
    (":) :-( =D ^_^", ":-rrb- :--lrb- =d ^_^", "faces, with their brackets"),
    ("a|b a~b a*b ** a=b", "a | b a ~ b a * b ** a = b", "signs"),
    ("_x_ a_b", "_ x _ a_b", "underscores, within and without"),
    ("pro- and anti-war", "pro- and anti-war", "pro- and anti- stay"),
    ("Höhe, café, naïve", "höhe café naïve", "letters outside a-z are letters"),
    ("cafe\u0301", "cafe\u0301", "and so are marks on them"),
    ("Мужчина стоит.", "мужчина стоит", "Cyrillic"),
    ("الرجل، هنا؟", "الرجل ، هنا ؟", "Arabic; its marks are not of the list"),
    ("महिला खड़ी है।", "महिला खड़ी है ।", "Devanagari, with its vowel signs"),
    ("ผู้หญิงยืน", "ผู้หญิงยืน", "Thai, which has no spaces: one token"),
    ("男人站着。", "男人站着 。", "Chinese, likewise"),
    ("ΣΊΣΥΦΟΣ İstanbul ẞ", "σίσυφος i̇stanbul ß", "small letters of every script"),
    ("мужчина's 5-й", "мужчина 's 5-й", "clitics and hyphens of every script"),
    ("a\u00A0b\u2009c\u3000d\u200Be", "a b c d e", "spaces of every kind"),
    ("😀 smile 👍🏽", "smile", "emoji are no tokens"),
    ("", "", "nothing"),
    ("...", "", "nothing but marks"),
    (" \t '", "", "nothing but blanks and a quote"),
]  # fmt: skip
# What the original deletes, and we do not: letters that it does not know.
KEPT = [
    ("ខ្មែរ", "ខ្មែរ"),  # Khmer vowel signs
    ("𝒳 𐐀𐐁", "𝒳 𐐨𐐩"),  # letters beyond the first 65,536 characters
    ("ᲓᲔᲓᲐ", "დედა"),  # Georgian capitals, of 2018
]


@pytest.mark.parametrize(("text", "tokens", "reason"), CASES, ids=lambda case: str(case)[:30])
def test_tokens_are_those_of_the_original(text: str, tokens: str, reason: str) -> None:
    assert " ".join(tokens_of(text)) == tokens, reason


def test_no_case_differs_from_the_original() -> None:
    assert [" ".join(tokens_of(text)) for text, *_ in CASES] == server_tokens([text for text, *_ in CASES])


@pytest.mark.parametrize(("text", "tokens"), KEPT)
def test_letters_that_the_original_deletes_are_letters(text: str, tokens: str) -> None:
    assert " ".join(tokens_of(text)) == tokens


def test_thousands_of_captions_have_the_tokens_of_the_original() -> None:
    rng = random.Random(5)
    pieces = " ".join(text for text, *_ in CASES if text.isprintable()).split()
    pieces = [piece for piece in pieces if not set(piece) & set("\u00ad😀👍")]
    plain = (
        "a the man woman dog's girls' riding on park red-haired an old U.S. it's 3 , . - ( ) \" ' /".split()
    )

    def caption() -> str:
        chosen = (rng.choice(plain if rng.random() < 0.6 else pieces) for _ in range(rng.randint(1, 14)))
        return "".join(f"{piece}{'' if rng.random() < 0.1 else ' '}" for piece in chosen).strip()

    captions = [caption() for _ in range(4000)]
    differ = [
        (text, found, wanted)
        for text, found, wanted in zip(
            captions, map(tokens_of, captions), server_tokens(captions), strict=True
        )
        if " ".join(found) != wanted
    ]
    assert differ == []


def test_no_text_takes_long() -> None:
    for piece in ("<a ", "a;", "1-", "•.", "a@", '"', "www.", "'s ", "é"):
        text = piece * (5_000 // len(piece))
        assert len(tokens_of(text)) <= len(text)


def test_words_are_cut_at_slashes() -> None:
    assert words_of("his/her 1 1/2 t-shirts") == ["his", "her", "1", "1", "2", "t-shirts"]
