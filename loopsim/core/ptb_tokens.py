"""Tokens as COCO's caption evaluation makes them, of text in any script, without its Java.

The evaluation server runs Stanford's PTBTokenizer (CoreNLP 3.4.1, `-preserveLines -lowerCase`) and drops
punctuation. That tokenizer is a lexer: at each place the rule counts that matches most text, together with
what it wants to follow, and of equals the first. Hyphens stay within words ("t-shirt"), clitics are cut off
("woman 's", "do n't"), and brackets stay ("-lrb-"): the server's list of punctuation has them in capitals
only, but tokens are in small letters.

It differs where the original loses letters: those that Unicode has added since 2010, many vowel signs of
Asian scripts and all beyond the first 65,536 characters are letters here. The original deletes them.
"""

from functools import lru_cache

import regex

PUNCTUATION = frozenset(("''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";"))
MAX_LENGTH = 1000  # characters that a rule looks at: no text takes long


def _any_of(words: str) -> str:
    """Return an expression for any of these, in any case but for letters that stand in brackets."""
    cased = regex.sub(r"\[[A-Za-z-]+\]", lambda letters: f"(?-i:{letters.group()})", words)
    return f"(?i:{'|'.join(cased.split())})"


_SPACE = r"[ \t\u00A0\u2000-\u200A\u3000]"
_BLANK = r"[ \t\u00A0\u2000-\u200A\u3000\n]"
# A letter, and what else stands within words: marks, soft hyphens, accents as HTML writes them.
_LETTER = (
    r"(?:[\p{L}\p{M}\u00AD\u02C2-\u02FF\u0375\u0384\u0385\u03F6\u055A-\u055F\u06DD\u06DE\u06E9\u06FD\u06FE"
    r"\u070F]|&[aeiouAEIOU](?i:acute|grave|uml);)"
)
_RUN = rf"{_LETTER}(?:{_LETTER}|\p{{Nd}})*"
_WORD = rf"{_RUN}(?:[.!?]{_RUN})*"
_APOSTROPHE = r"(?:['\u0092\u2019]|(?i:&apos;))"
_WITHIN = rf"(?:{_APOSTROPHE}|[`\u0091\u2018\u201B])"  # what may mean an apostrophe within a word
_CLITIC = rf"{_APOSTROPHE}(?i:[msd]|re|ve|ll)"
_NOT = rf"[nN]{_WITHIN}[tT]"
_QUOTES = rf"""(?:''|[`\u2018-\u201F\u0091-\u0094\u2039\u203A«»]{{1,2}}|{_APOSTROPHE}|"|(?i:&quot;))"""
_AND = r"(?:(?i:&amp;)|&)"
_NUMBER = r"(?:\p{Nd}*(?:[.:,\u00AD\u066B\u066C]\p{Nd}+)+|\p{Nd}+)"
_INITIALS = (
    r"(?:(?i:(?:canada|sino|korean|eu|japan|non)-u\.s|u\.s\.-u\.(?:k|s\.s\.r))|[A-Za-z](?:\.[A-Za-z])+)"
)

# Abbreviations: such as mostly end a phrase, such as mostly begin one, and such as are one before a number.
_ENDING = _any_of(
    "jan feb mar apr jun jul aug sept? oct nov dec mon tues? wed thu thurs fri "
    "ala ariz [A]z [A]rk calif colo conn ct dak [D]el fla ga [I]ll ind kans? ky [L]a [M]ass md mich minn "
    "[M]iss mo mont neb nev okla [O]re [P]a penn tenn [T]ex va vt [W]ash wisc? wyo "
    "inc cos? corp [Pp]p?t[ye]s? ltd plc rt bancorp bhd assn univ intl sys bldg blvd rd "
    r"jr sr bros esq (?:ed|ph)\.d tel est ext sq etc al seq"
)
_LEADING = _any_of(
    "mr mrs ms mme mlle messrs msgr drs? profs? rev hon sens? reps? govs? pres attys? adj adv asst assoc "
    "supts? adm brig capt co?mdr col cpl det ens gen insp lieut lt maj pfc pvt sfc sgt spc alex jos wm ph "
    r"ste? mt ft ave dept elec invt m[ft]g natl cie treas vs cf a\.k\.a [A-Za-z]"
)
_NUMBERED = _any_of("art ca figs? nos? op pp prop")
# Words that open a sentence: before them the point of a single letter is a full stop.
_OPENING = (
    r"(?:About|According|Additionally|After|An?|As|At|But|Earlier|Her?|Here|However|I[fnt]|Last|Many|M[rs]\."
    r"|More|Now|Once|One|Other|Our|She|Since|Some?|Such|That|Then?|The(?:ir|re|se|y)|This|We|When|While|What"
    r"|Yet|You)"
)
_FILE = _any_of(
    "bat bmp c class cgi cpp dll docx? exe gif gz h html? jar java jpe?g mov mp3 pdf php pl png ppt ps py "
    "sql tar txt wav x xml zip"
)

_PART = rf"(?:[dDoOlL]{_WITHIN}[\p{{L}}\p{{Nd}}])?[\p{{L}}\p{{Nd}}]+"
_JOINED = rf"{_PART}(?:[-_\u058A\u2010\u2011]{_PART})*"
_HYPHENATED = rf"[A-Za-z0-9][A-Za-z0-9.,\u00AD]*(?:-(?:{_INITIALS}\.|[A-Za-z0-9\u00AD]+))+"
_FIRM = rf"[A-Z]+(?:(?:\+|{_AND})[A-Z]+)+"
_SIDE = r"[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}"  # of a slash
_GAP = r"[- \u00A0]"
_LOCAL = rf"[0-9]{{3,4}}{_GAP}?[0-9]{{3,5}}"  # of a telephone number
_EYE = r"[-\^x=~<>']"
_SYMBOL = (
    r"[+%&~^|\\¦§¨©¬®¯°-³´-º×÷\u0387\u05BE\u05C0\u05C3\u05C6"
    r"\u05F3\u05F4\u0600-\u0603\u0606-\u060A\u060C\u0614"
    r"\u061B\u061E\u066A\u066D\u0703-\u070D\u07F6-\u07F8\u0964\u0965\u0E4F\u1FBD\u2016\u2017\u2020-\u2023"
    r"\u2030-\u2038\u203B\u203E-\u2042\u2044\u207A-\u207F\u208A-\u208E\u2100-\u214F\u2190-\u2BFF\u3012\u30FB"
    r"\uFF01-\uFF0F\uFF1A-\uFF20\uFF3B-\uFF40\uFF5B-\uFF65]"
)

# What comes to nothing: blanks, ellipses, dashes.
_NOTHING = (
    rf"{_BLANK}+",
    r"\.{3,5}|(?:\.[ \u00A0]){2,4}\.|\u2026",
    r"-{2,4}|[\u0096\u0097\u2013-\u2015]",
    r"(?i:&(?:md|[mn]dash|nbsp);)",
)
# Tokens, each with what must follow it.
_TOKENS = (
    (r"[cC]\+\+|[cCfF]#", ""),
    # Two words in one, and clitics.
    (r"(?i:can)", r"(?i:not)"),
    (r"'[tT]", r"(?i:was)"),
    (rf"{_APOSTROPHE}[tT]", r"(?i:is)"),
    (r"(?i:gon|wan)", r"(?i:na)"),
    (r"(?i:got)", r"(?i:ta)"),
    (r"(?i:lem|gim)", r"(?i:me)"),
    (_WORD, _CLITIC),
    (r"[A-Za-z\u00AD]*[A-MO-Za-mo-z]\u00AD*", _NOT),
    (_WORD, ""),
    # Words with other apostrophes: 'n', '90s, 'em; d', ol'; O'Neil, o'clock.
    (rf"{_APOSTROPHE}(?:[nN]{_APOSTROPHE}?|[2-9]0[sS]|(?i:em|till?|cause))", ""),
    (rf"(?:[ldjLDJ]|(?i:dunkin|somethin|ol)){_APOSTROPHE}", ""),
    (rf"[A-HJ-XZn]{_WITHIN}\p{{L}}{{2,}}|\p{{L}}+[aeiouyAEIOUY]{_WITHIN}[aeiouA-Z]\p{{L}}*", ""),
    (rf"(?i:cont'd\.?|nor'easter|c'mon|e'er|s'mores|ev'ry|li'l|nat'l)|[oO]{_WITHIN}[oO]", ""),
    (rf"[yY]{_APOSTROPHE}", r"\p{L}"),
    (rf"{_CLITIC}|{_NOT}", r"[^A-Za-z]"),
    # Numbers, dates, fractions.
    (r"\p{Nd}{1,2}[-/]\p{Nd}{1,2}[-/]\p{Nd}{2,4}", ""),
    (rf"[-+]?{_NUMBER}", ""),
    (r"[\u207A\u207B\u208A\u208B]?(?:[\u2070\u00B9\u00B2\u00B3\u2074-\u2079]+|[\u2080-\u2089]+)", ""),
    (rf"(?:\p{{Nd}}{{1,4}}{_GAP})?\p{{Nd}}{{1,4}}(?:\\?/|\u2044)\p{{Nd}}{{1,4}}", ""),
    (r"[\u00BC-\u00BE\u2153-\u215E]", ""),
    # What the treebank writes in its own way.
    (r"(?i:-[rl][rcs]b-|c\.d\.s|pro-|anti-)", ""),
    (rf"(?i:s{_AND}(?:p-500|ls)|cap{_APOSTROPHE}n|c{_APOSTROPHE}est)", ""),
    (rf"{_SIDE}(?:\\?/{_SIDE}){{1,2}}", ""),
    (r"[A-Z]*\$|\#", ""),
    (r"[\u0080\u00A2-\u00A5\u20A0\u20A4\u20AC\u060B\u0E3F\uFFE0\uFFE1\uFFE5\uFFE6]", ""),
    # Abbreviations, which keep their point.
    (r"[A-Za-z]", rf"\.{_SPACE}+{_OPENING}{_BLANK}"),
    (rf"{_NUMBERED}\.", rf"{_BLANK}?\p{{Nd}}"),
    (rf"{_ENDING}\.", r"(?s:..)?"),
    (rf"{_INITIALS}\.", ""),
    (rf"{_LEADING}\.", ""),
    (rf"{_INITIALS}|{_LEADING}", _SPACE),
    (rf"{_APOSTROPHE}[0-9][0-9]", _BLANK),
    (rf"{_WORD}\.", r"[,;:\u3001]"),
    # Files, telephones, faces.
    (rf"(?:{_LETTER}|\p{{Nd}})+(?:\.(?:{_LETTER}|\p{{Nd}})+)*\.{_FILE}", rf"(?:{_BLANK}|[.,?!])"),
    (rf"\([0-9]{{2,3}}\)[ \u00A0]?{_LOCAL}", ""),
    (rf"\+{{0,2}}(?:[0-9]{{2,4}}{_GAP}){{1,2}}{_LOCAL}", ""),
    (r"(?:\+{0,2}[0-9]{2,4}\.)?[0-9]{2,4}\.[0-9]{3,4}\.[0-9]{3,5}", ""),
    (r"[<>]?[:;=][-o*']?[()DPdpO\\@|\[\]{]", r"[^A-Za-z0-9]"),
    (rf"{_EYE}_{_EYE}|\({_EYE}[_.]?{_EYE}\)|\([\^x=~<>']-[\^x=~<>'`]\)", ""),
    # Words with hyphens, and with more.
    *((rf"{word}\.", r"[,;:\u3001]") for word in (_HYPHENATED, _JOINED, _FIRM)),
    *((word, "") for word in (_HYPHENATED, _JOINED, _FIRM)),
    # Signs.
    (r"(?i:&(?:amp|[lg]t|ht|[tu]l|[ul]r|q[clr]|[oc]dq|#[0-9]+);)", ""),
    (r"-+|@+|\#+|_+|\*+|(?:\\\*){1,3}|[?!]+|[=/{}\[\]()]", ""),
    (r"[,;:\u3001.¡¿\u037E\u0589\u061F\u06D4\u0700-\u0702\u07FA\u3002]", ""),
    (r"'", r"[A-Za-z][^ \t\n\r\u00A0]"),
    (rf"{_CLITIC}|{_NOT}|{_QUOTES}", ""),
    (r"<<|>>|<|>", ""),
    (_SYMBOL, ""),
)
# Addresses, names of accounts, tags of HTML. ",-_" is a range in the original, too: hosts have no capitals.
_PATH = r'[^ \t\n\f\r"<>|()]+[^ \t\n\f\r"<>|.!?(){},\-]'
_DOMAIN = r'[^ \t\n\f\r"<>|(){}.\u00A0]+'
_NAME = "[A-Za-z][A-Za-z0-9_:.-]*"
_ATTRIBUTE = rf"""{_NAME}(?: *= *(?:'[^'\n]*'|"[^"\n]*"))?"""
_ADDRESSES = (
    r'(?i:https?)://[^ \t\n\f\r"<>|(){}]+[^ \t\n\f\r"<>|.!?(){},\-]',
    rf"""(?i:www)\.(?:[^ \t\n\f\r"<>|.!?(){{}},]+\.)+[a-zA-Z]{{2,4}}(?:/{_PATH})?""",
    rf"""(?:[^ \t\n\f\r"`'<>|.!?(){{}},-_$]+\.)+(?i:com|net|org|edu)(?:/{_PATH})?""",
    r"""(?:<|(?i:&lt;))?[a-zA-Z0-9][^ \t\n\f\r"<>|(){}\u00A0]*"""
    rf"@(?:{_DOMAIN}\.)*{_DOMAIN}(?:>|(?i:&gt;))?",
    rf"@[a-zA-Z_][a-zA-Z_0-9]*|\#{_LETTER}+",
    r"<[!?][A-Za-z-][^>\n]*>",
    rf"<(?:/{_NAME}|{_NAME}(?: +{_ATTRIBUTE})* */?) *>",
)
_RULES = (
    *map(regex.compile, _NOTHING),
    *(regex.compile(f"(?P<token>{token}){after}") for token, after in _TOKENS),
    *(regex.compile(f"(?P<address>{address})") for address in _ADDRESSES),
    regex.compile("(?s:.)"),  # a character that no rule knows, such as an emoji
)
_CUT = _any_of("cannot gonna gotta gimme lemme wanna")
# Nearly all of a caption, found at once: words that no rule cuts, possessives, marks before a blank, blanks.
_PLAIN = regex.compile(
    rf"(?P<plain>(?!{_CUT}\b|(?:{_ENDING}|{_LEADING})\.)[A-Za-z]+(?:-[A-Za-z]+)*"
    r"(?=(?:'s)?(?:[,;:?!]?[ \n]|\.\n))|'s(?=[,;:?!]?[ \n]|\.\n))|[,;:?!](?=[ \n])|[ .](?=\n)|[ ](?=[A-Za-z])"
)
_MARKED = regex.compile(rf"{_CLITIC}|{_NOT}|{_QUOTES}")
_MARKS = str.maketrans(
    dict.fromkeys("\u0092’›", "'") | dict.fromkeys("\u0091‘‛‹", "`")
    | dict.fromkeys('\u0094”»"', "''") | dict.fromkeys("\u0093“«", "``")
)  # fmt: skip
_WRITTEN = {
    "(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-", "&lt;": "<",
    "&gt;": ">", "¼": "1/4", "½": "1/2", "¾": "3/4", "⅓": "1/3", "⅔": "2/3", "¢": "cents", "£": "#",
} | dict.fromkeys("\x80¤₠€", "$")  # fmt: skip
_INSIDE = str.maketrans({" ": "\u00a0", "\u00ad": "", "(": "-lrb-", ")": "-rrb-"})


def tokens_of(text: str) -> list[str]:
    """Return the tokens of a text in small letters, without punctuation: none for "" and "...". A token may
    hold a space that does not break ("1 1/2").
    """
    text = regex.sub(r"[\r\n\v\f\u0085\u2028\u2029]", " ", text) + "\n"
    found, position = [], 0
    while position < len(text):
        match = _PLAIN.match(text, position, position + MAX_LENGTH) or _longest(text, position)
        if match.lastgroup == "plain":
            found.append(match[0].lower())
        elif match.lastgroup == "token":
            found.append(_written(match["token"]))
        elif match.lastgroup == "address":
            found.append(match[0].replace(" ", "\u00a0").lower())
        position = match.end(match.lastgroup or 0)
    return [token for token in found if token and token not in PUNCTUATION]


def words_of(text: str) -> list[str]:
    """Return the words of a text, to look them up in a list of words: its tokens, cut at slashes ("his/her"
    is two words) and at spaces within them.
    """
    return [word for token in tokens_of(text) for word in regex.split(r"[/\u00A0]", token) if word]


def _longest(text: str, position: int) -> regex.Match[str]:
    end = position + MAX_LENGTH
    matches = [match for rule in _rules_for(text[position]) if (match := rule.match(text, position, end))]
    return max(matches, key=lambda match: match.end())


@lru_cache(maxsize=4096)
def _rules_for(first: str) -> tuple[regex.Pattern[str], ...]:
    """Return the rules that can match what begins with a character."""
    return tuple(rule for rule in _RULES if rule.match(first, partial=True))


def _written(token: str) -> str:
    """Return how a token is written: its signs as the Penn Treebank's keyboard has them."""
    if token.lower() in _WRITTEN:
        return _WRITTEN[token.lower()]
    token = regex.sub("(?i)&amp;", "&", token)
    if _MARKED.fullmatch(token):
        token = regex.sub("(?i)&(?:apos|quot);", lambda entity: "'" if entity[0][1] in "aA" else '"', token)
        token = token.translate(_MARKS)
    return token.translate(_INSIDE).lower()
