"""Keep only the icons that pages show: the theme's icon fonts hold 2,000 and weigh a third of a page."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

ICON_RULE = re.compile(r'((?:\.fa-[\w-]+:+before,?\s*)+)\{\s*content:\s*"\\([0-9a-f]+)"\s*;?\s*\}')
FONT_NAME = "LightNets Icons"  # a changed font may not be called by its reserved name
FAMILY, IDENTIFIER, FULL, POSTSCRIPT = 1, 3, 4, 6  # the records of a font that hold it
CODE = re.compile(r'"\\(f[0-9a-f]{3})"')


def used_codes(styles: str, pages: Iterable[str]) -> set[int]:
    """The code points of icons that pages name by a class (``fa-rocket``) or that other rules of the style write.

    Args:
        styles: All style sheets in one.
        pages: The text of pages and scripts.
    """
    named = {name for page in pages for name in re.findall(r"fa-([\w-]+)", page)}
    codes = {code for code in CODE.findall(ICON_RULE.sub("", styles))}
    for selectors, code in ICON_RULE.findall(styles):
        if named.intersection(re.findall(r"\.fa-([\w-]+):", selectors)):
            codes.add(code)
    return {int(code, 16) for code in codes}


def shrink_fonts(html: Path) -> None:
    """Replace the icon fonts of a built book by the parts of them that its pages use.

    The parts are written as WOFF under the name that the style sheet asks for: browsers read a font's own signature.

    Args:
        html: The built book.
    """
    static = html / "_static"
    styles = "\n".join(path.read_text(encoding="utf-8") for path in sorted(static.rglob("*.css")))
    scripts = [path for path in static.rglob("*.js") if "fontawesome" not in path.parts and "mathjax" not in path.parts]
    texts = (path.read_text(encoding="utf-8") for path in [*html.rglob("*.html"), *scripts])
    codes = used_codes(styles, texts)
    for target in sorted((static / "vendor" / "fontawesome" / "webfonts").glob("*.woff2")):
        font = TTFont(target.with_suffix(".ttf"), recalcTimestamp=False)
        subsetter = subset.Subsetter(subset.Options(layout_features=[]))
        subsetter.populate(unicodes=codes)
        subsetter.subset(font)
        _rename(font, f"{FONT_NAME} {target.stem}")
        font.flavor = "woff"
        font.save(target)


def _rename(font: TTFont, name: str) -> None:
    for record in font["name"].names:
        if record.nameID in (FAMILY, IDENTIFIER, FULL, POSTSCRIPT):
            record.string = name.replace(" ", "-") if record.nameID == POSTSCRIPT else name
