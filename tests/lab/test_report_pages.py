# SPDX-License-Identifier: GPL-2.0-or-later
"""The HTML of report in headless Chromium: nothing overflows or overlaps, at three widths, light and dark, and on paper.

"make pages" measures the report of every capsule (KVMMMU_PAGES=all), "make check" those of a few."""

import functools
import html
import os
import re
import subprocess

import pytest

from tools import SCENARIOS, TOP, kvmmmu

CHROMIUM = "chromium"
SAMPLES = TOP / "samples"
FEW = [SAMPLES / "amd-7.3-looping.kvmmmu", SAMPLES / "intel-7.3-shadow-paging.kvmmmu",
       *(SCENARIOS / f"{name}.kvmmmu" for name in
         ("7.3/slot-invalid", "7.3/perm-table-flip", "7.3/frozen-spte", "7.3/role-corruption"))]
ALL = sorted(path for path in SAMPLES.rglob("*.kvmmmu") if path.stem != "novms")
PAGES = ALL if os.environ.get("KVMMMU_PAGES") == "all" else FEW
AT_ONCE = 8  # pages that one Chromium measures
GROUPS = [PAGES[at:at + AT_ONCE] for at in range(0, len(PAGES), AT_ONCE)]
WIDTHS = (400, 1000, 1400)
PAPER = 718  # pixels between the margins of A4

# Sent to the page around the report, which has the width that is asked for: windows are never narrower than 500.
MEASURE = """
addEventListener('load', () => {
  const width = document.documentElement.clientWidth, bad = [], boxes = [];
  if (document.documentElement.scrollWidth > width) bad.push('the page is wider: ' + document.documentElement.scrollWidth);
  for (const e of document.querySelectorAll('main *')) {
    if (e.closest('svg') || e.parentElement.closest('.scroll')) continue;
    const r = e.getBoundingClientRect(), what = e.tagName + ' ' + e.textContent.slice(0, 40).replace(/\\s+/g, ' ');
    if (r.width && (r.right > width + 1 || r.left < -1)) bad.push('outside: ' + what);
    if (e.clientWidth && e.scrollWidth > e.clientWidth + 1 && !e.matches('.scroll')) bad.push('inside: ' + what);
    if (e.matches('h1,h2,h3,h4,p,dl,ul,ol,.scroll,.strip') && r.height) boxes.push([r, what]);
  }
  boxes.sort((a, b) => a[0].top - b[0].top);
  for (let i = 1; i < boxes.length; i++)
    for (let j = i - 1; j >= 0 && j > i - 8; j--) {
      const [a, b] = [boxes[j][0], boxes[i][0]];
      if (b.top < a.bottom - 1 && b.bottom > a.bottom + 1 && b.left < a.right && a.left < b.right)
        bad.push('overlap: ' + boxes[j][1] + ' / ' + boxes[i][1]);
    }
  const color = getComputedStyle(document.body).backgroundColor;
  parent.postMessage([location.hash.slice(1), width, boxes.length, color, ...bad].join('\\n'), '*');
});
"""


def chromium(*words, timeout=300):
    return subprocess.run([CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", *words],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=timeout, check=True).stdout


@functools.lru_cache(maxsize=None)
def page(path):
    answer = kvmmmu(path, "report", "--format", "html")
    assert answer.code == 0, answer.err
    return answer.out


def on_paper(text):
    """The page with the rules for print, on the screen."""
    assert "@media print" in text
    return text.replace("@media print", "@media all")


def measured(folder, texts, widths, dark=False):
    """{(position in @texts, width): [width, number of boxes, background, what is wrong...]}"""
    for i, text in enumerate(texts):
        (folder / f"inner-{i}.html").write_text(text.replace("</main>", f"</main><script>{MEASURE}</script>"))
    frames = [(i, width) for i in range(len(texts)) for width in widths]
    outer = folder / "outer.html"
    outer.write_text("<!DOCTYPE html><pre id=said></pre><script>onmessage = e => said.textContent += e.data + '\\n\\n'</script>" +
                     "".join(f'<iframe src="inner-{i}.html#{i}-{width}" width={width} height=900 style="border:0"></iframe>'
                             for i, width in frames))
    colors = ["--blink-settings=preferredColorScheme=0"] if dark else []
    said = chromium("--window-size=1600,1000", "--virtual-time-budget=20000", *colors, "--dump-dom", f"file://{outer}")
    found = {}
    for part in html.unescape(re.search(r'<pre id="said">(.*?)</pre>', said, re.S)[1]).split("\n\n"):
        if part.strip():
            name, *rest = part.strip("\n").split("\n")
            found[tuple(map(int, name.split("-")))] = rest
    assert sorted(found) == sorted(frames)
    return found


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group[0].stem)
def test_nothing_overflows(tmp_path, group, dark):
    for (i, width), (found, boxes, color, *bad) in measured(tmp_path, [page(path) for path in group], WIDTHS, dark).items():
        assert not bad, (group[i], width)
        assert int(found) == width and int(boxes) > 10
        assert color == ("rgb(22, 24, 27)" if dark else "rgb(251, 250, 248)")


def test_what_overflows_is_noticed(tmp_path):
    """The measurement itself: a word that cannot be broken, and a box over another."""
    wide = page(PAGES[0]).replace("<p", '<p style="white-space:nowrap"', 3)
    assert any("outside" in line or "inside" in line for line in measured(tmp_path, [wide], [400])[0, 400][3:])
    over = page(PAGES[0]).replace("<h2", '<h2 style="margin-top:-40px"')
    assert any("overlap" in line for line in measured(tmp_path, [over], [1000])[0, 1000][3:])


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group[0].stem)
def test_it_prints(tmp_path, group):
    """Nothing overflows on paper, and a PDF has all of the text, down to the last chapter."""
    for (i, _), (_, boxes, color, *bad) in measured(tmp_path, [on_paper(page(path)) for path in group], [PAPER]).items():
        assert not bad and int(boxes) > 10 and color == "rgb(255, 255, 255)", (group[i], color)
    for path in group:
        (tmp_path / "page.html").write_text(page(path))
        chromium(f"--print-to-pdf={tmp_path / 'page.pdf'}", f"file://{tmp_path / 'page.html'}")
        pdf = (tmp_path / "page.pdf").read_bytes()
        assert pdf.startswith(b"%PDF") and len(re.findall(rb"/Type\s*/Page\b", pdf)) >= 1, path
