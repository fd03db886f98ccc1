# SPDX-License-Identifier: GPL-2.0-or-later
"""The HTML of report in headless Chromium: nothing overflows or overlaps, at three widths, light and dark, and on paper."""

import functools
import html
import re
import subprocess

import pytest

from tools import SCENARIOS, TOP, kvmmmu

CHROMIUM = "chromium"

PAGES = [TOP / "samples/amd-7.3-looping.kvmmmu", TOP / "samples/intel-7.3-shadow-paging.kvmmmu",
         *(SCENARIOS / f"{name}.kvmmmu" for name in
           ("7.3/slot-invalid", "7.3/perm-table-flip", "7.3/frozen-spte", "7.3/role-corruption"))]

# Sent to the page around the report, which has the width that is asked for: windows are never narrower than 500.
MEASURE = """
addEventListener('load', () => {
  const width = document.documentElement.clientWidth, bad = [], boxes = [];
  if (document.documentElement.scrollWidth > width) bad.push('the page is wider: ' + document.documentElement.scrollWidth);
  for (const e of document.querySelectorAll('main *')) {
    if (e.closest('svg') || e.parentElement.closest('.scroll')) continue;
    const r = e.getBoundingClientRect(), what = e.tagName + ' ' + e.textContent.slice(0, 40);
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
  parent.postMessage([width, boxes.length, color, ...bad].join('\\n'), '*');
});
"""


def chromium(*words, timeout=120):
    return subprocess.run([CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", *words],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=timeout, check=True).stdout


@functools.lru_cache(maxsize=None)
def page(path):
    return kvmmmu(path, "report", "--format", "html").out


def measured(folder, text, width, dark=False):
    """[width, number of boxes, background, what is wrong...]"""
    inner = folder / "inner.html"
    inner.write_text(text.replace("</main>", f"</main><script>{MEASURE}</script>"))
    outer = folder / "outer.html"
    outer.write_text("<!DOCTYPE html><pre id=said></pre><script>onmessage = e => said.textContent = e.data</script>"
                     f'<iframe src="inner.html" width={width} height=900 style="border:0"></iframe>')
    colors = ["--blink-settings=preferredColorScheme=0"] if dark else []
    said = chromium("--window-size=1600,1000", "--virtual-time-budget=4000", *colors, "--dump-dom", f"file://{outer}")
    return html.unescape(re.search(r'<pre id="said">(.*?)</pre>', said, re.S)[1]).split("\n")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
@pytest.mark.parametrize("width", [400, 1000, 1400])
def test_nothing_overflows(tmp_path, path, width):
    found, boxes, _, *bad = measured(tmp_path, page(path), width)
    assert int(found) == width and int(boxes) > 10
    assert not bad


def test_dark_and_light_differ(tmp_path):
    light, dark = (measured(tmp_path, page(PAGES[0]), 1000, dark) for dark in (False, True))
    assert light[2] == "rgb(251, 250, 248)" and dark[2] == "rgb(22, 24, 27)"
    assert not light[3:] and not dark[3:]


def test_what_overflows_is_noticed(tmp_path):
    """The measurement itself: a word that cannot be broken, and a box over another."""
    wide = page(PAGES[0]).replace("<p", '<p style="white-space:nowrap"', 3)
    assert any("outside" in line or "inside" in line for line in measured(tmp_path, wide, 400)[3:])
    over = page(PAGES[0]).replace("<h2", '<h2 style="margin-top:-40px"')
    assert any("overlap" in line for line in measured(tmp_path, over, 1000)[3:])


def test_it_prints(tmp_path):
    (tmp_path / "page.html").write_text(page(PAGES[0]))
    chromium(f"--print-to-pdf={tmp_path / 'page.pdf'}", f"file://{tmp_path / 'page.html'}")
    text = (tmp_path / "page.pdf").read_bytes()
    assert text.startswith(b"%PDF") and len(re.findall(rb"/Type\s*/Page\b", text)) > 2
