"""Styles into the tags they are for, since mail readers drop style sheets: once per skeleton, not once per message.

Which style a tag gets follows from the tags around it and never from the words between them or from where a link leads. So words
and links are taken out, what remains is inlined and kept, and they are put back: messages of one kind differ in nothing else.
"""

import re
from functools import lru_cache

import css_inline

SKELETONS = 512  # several times the templates times languages; one is about ten kilobytes
FIRST_GAP, GAPS = 0xE000, 6_400  # the private-use characters: no text has a meaning for them
A_GAP = re.compile("([\ue000-\uf8ff])")
LINK = 'href="'
STYLE = "style>"

_inliner = css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


def inline(html: str) -> str:
    """The document with the styles of its head in its tags; at-rules stay in the head.

    Words and links are to be escaped as HTML, as they come out of the templates; they are kept to the letter.
    """
    skeleton, varying = _parted(html)
    if A_GAP.search(html) or len(varying) > GAPS:
        return _inliner.inline(html)
    pieces = list(_inlined(skeleton))
    gaps = pieces[1::2]
    if len(gaps) != len(varying) or len(set(gaps)) != len(gaps):  # what stood outside the tree was dropped
        return _inliner.inline(html)
    pieces[1::2] = [varying[ord(gap) - FIRST_GAP] for gap in gaps]
    return "".join(pieces)


def _parted(html: str) -> tuple[str, list[str]]:
    """The tags with a gap for each link and each text, and what belongs into the gaps, in order."""
    first, *rest = html.split("<")
    skeleton = [first]
    varying: list[str] = []
    for piece in rest:
        tag, end, text = piece.partition(">")
        if LINK in tag:
            before, _, after = tag.partition(LINK)
            link, _, after = after.partition('"')
            tag = f'{before}{LINK}{_gap(len(varying))}"{after}'
            varying.append(link)
        if text and not text.isspace() and not piece.startswith(STYLE):
            skeleton += ("<", tag, end, _gap(len(varying)))
            varying.append(text)
        else:
            skeleton += ("<", tag, end, text)
    return "".join(skeleton), varying


def _gap(number: int) -> str:
    return chr(FIRST_GAP + number)


@lru_cache(maxsize=SKELETONS)
def _inlined(skeleton: str) -> tuple[str, ...]:
    return tuple(A_GAP.split(_inliner.inline(skeleton)))
