"""What stands between the markers of a page, which a command writes there."""

from __future__ import annotations

import re


def between(text: str, name: str, content: str) -> str:
    """Return a text with what stands between `<!-- name -->` and `<!-- /name -->` replaced.

    Raises:
        ValueError: it has no such markers, or several.
    """
    start, end = f"<!-- {name} -->\n", f"\n<!-- /{name} -->"
    new, count = re.subn(f"(?<={start}).*?(?={end})", lambda _: content, text, flags=re.DOTALL)
    if count != 1:
        raise ValueError(f"the text has the markers of {name} {count} times")
    return new
