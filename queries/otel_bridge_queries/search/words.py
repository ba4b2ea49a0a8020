"""
How a text falls into words: the same in the index, in what is searched for, and where
matches are marked.

SQLite's tokenizer makes words of letters, marks and digits, and tells neither case nor
accents apart. It takes a sentence in Chinese, Japanese or Thai, which have no spaces, for one
word, so that each of their characters is made a word of its own here; several in a row
are then found as a phrase. The same goes for emoji.
"""

import re
import unicodedata

TOKENIZER = "tokenize = \"unicode61 remove_diacritics 2 categories 'L* M* N* Co So'\""
# A control character: never part of a word, and taken out of what is shown.
APART = "\x1f"

_ALONE = re.compile(
    "(["
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\u1780-\u17ff"  # Myanmar, Khmer
    "\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff"  # Hangul
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3040-\u30ff\u31f0-\u31ff"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "\uff66-\uffdc"  # half-width kana and Hangul
    "\u2190-\u2bff\U0001f000-\U0001faff"  # symbols and emoji
    "])"
)
_CONTROLS = re.compile("[\x00-\x03\x1f]")
# They choose between two looks of one character.
_SELECTORS = re.compile("[\ufe00-\ufe0f]")


def spaced(text: str) -> str:
    """
    Give a text in which SQLite finds the words.
    """
    text = _CONTROLS.sub(" ", text)
    if text.isascii():
        return text
    text = _SELECTORS.sub(APART, unicodedata.normalize("NFC", text))
    return _ALONE.sub(f"{APART}\\1{APART}", text)
