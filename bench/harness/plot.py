"""The tables as pictures: SVG by hand, since bars and lines need no library, and a picture that
is drawn again from the same runs has the same bytes."""

from collections import namedtuple
from xml.sax.saxutils import escape, quoteattr

from .plan import GROUPS, PEERS, PLACE_NAMES
from .report import OURS, add_ratios, median_of, number

WIDTH, LABELS, VALUES, MARGIN = 760, 250, 130, 16
BAR, ROW, HEAD, PANEL, AXIS = 12, 20, 44, 26, 26
LINES_HEIGHT = 260
# The pictures bring their own background: readable wherever they are shown.
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 14px }
.small { font-size: 11px; fill: #57606a }
text { paint-order: stroke; stroke: #ffffff; stroke-width: 3px }
.back { fill: #ffffff; stroke: #d0d7de }
.grid { stroke: #d8dee4 }
.one { stroke: #57606a; stroke-dasharray: 4 3 }
.range { stroke: #24292f; stroke-width: 1.2 }
.c0 { fill: #2f6fdf; stroke: #2f6fdf } .c1 { fill: #8c959f; stroke: #8c959f }
.c2 { fill: #d9822b; stroke: #d9822b } .c3 { fill: #3f9c6d; stroke: #3f9c6d }
.c4 { fill: #9a62c7; stroke: #9a62c7 } .c5 { fill: #c2566b; stroke: #c2566b }
.line { fill: none; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; stroke: #0d1117 } .small { fill: #9198a1 }
.back { fill: #0d1117; stroke: #3d444d } .grid { stroke: #2b323b }
.one { stroke: #9198a1 } .range { stroke: #e6edf3 }
}
"""
OURS_COLOR, RAW_COLOR, PEER_COLOR, FREE_COLORS = 0, 1, 3, (2, 4, 5)
# The picture for those in a hurry: (group, place, variant).
OVERVIEW = (
    ("w1", "same", ""), ("w1", "cross", ""), ("w2", "same", "callback"), ("w3", "free", "2 dispatchers"),
    ("w4", "same", ""), ("w4", "cross", ""), ("w6", "same", ""), ("w7", "cross", ""), ("w8", "cross", ""),
)

Bar = namedtuple("Bar", "label color low middle high")
Panel = namedtuple("Panel", "title bars")


class Canvas:
    def __init__(self, height, title):
        self.height, self.title, self.parts = height, title, []
        self.add(f'<rect class="back" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="6"/>')

    def add(self, part):
        self.parts.append(part)

    def text(self, x, y, text, anchor="start", kind=""):
        kind = f' class="{kind}"' if kind else ""
        self.add(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kind}>{escape(text)}</text>')

    def line(self, x1, y1, x2, y2, kind):
        self.add(f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')

    def save(self, path):
        head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self.height}" width="{WIDTH}" '
                f'height="{self.height}" role="img" aria-label={quoteattr(self.title)}>')
        path.write_text("\n".join([head, f"<style>{STYLE}</style>", *self.parts, "</svg>"]) + "\n")


def step(top):
    """A round distance of marks: at most six up to `top`."""
    unit = 10.0 ** -6
    while True:
        for factor in (1, 2, 5):
            if top / (unit * factor) <= 6:
                return unit * factor
        unit *= 10


def mark(x):
    return f"{x:,.0f}" if x >= 100 else f"{x:g}"


def bars_picture(path, title, what, panels):
    top = max(bar.high for panel in panels for bar in panel.bars) or 1
    height = HEAD + sum(PANEL + ROW * len(p.bars) for p in panels) + AXIS
    canvas, left, right = Canvas(height, title), LABELS, WIDTH - VALUES
    scale = lambda x: left + (right - left) * x / top
    canvas.text(MARGIN, 22, title, kind="title")
    canvas.text(MARGIN, 38, what, kind="small")
    distance = step(top)
    for i in range(int(top / distance) + 1):
        canvas.line(scale(i * distance), HEAD + 4, scale(i * distance), height - AXIS, "grid")
        canvas.text(scale(i * distance), height - AXIS + 15, mark(i * distance), "middle", "small")
    if top >= 1 and "raw" in what:
        canvas.line(scale(1), HEAD + 4, scale(1), height - AXIS, "one")
    y = HEAD
    for panel in panels:
        canvas.text(MARGIN, y + 18, panel.title, kind="small")
        y += PANEL
        for bar in panel.bars:
            middle = y + ROW / 2
            canvas.text(left - 8, middle + 4, bar.label, "end")
            canvas.add(f'<rect class="c{bar.color}" x="{left}" y="{middle - BAR / 2:.1f}" '
                       f'width="{scale(bar.middle) - left:.1f}" height="{BAR}"/>')
            if bar.high > bar.low:
                canvas.line(scale(bar.low), middle, scale(bar.high), middle, "range")
                for end in (bar.low, bar.high):
                    canvas.line(scale(end), middle - 3, scale(end), middle + 3, "range")
            spread = f" ({number(bar.low)}-{number(bar.high)})" if bar.high > bar.low else ""
            canvas.text(scale(bar.high) + 6, middle + 4, number(bar.middle) + spread, kind="small")
            y += ROW
    canvas.save(path)


def colors(records):
    """A color for each subject, the same in all pictures."""
    found, free = {}, iter(FREE_COLORS * 9)
    for r in records:
        if r["subject"] not in found:
            found[r["subject"]] = (
                OURS_COLOR if r["subject"] == OURS else RAW_COLOR if r["subject"] in ("raw", "rawhop")
                else PEER_COLOR if r["subject"] in PEERS else next(free))
    return found


def bar_of(label, color, runs, key):
    values = [r[key] for r in runs]
    return Bar(label, color, min(values), median_of(runs, key), max(values))


def by_label(records):
    """The runs of each row, in the tables' order."""
    found = {}
    for r in sorted(records, key=lambda r: r["order"]):
        found.setdefault(r["label"], []).append(r)
    return found.items()


def draw_bars(records, group, path, color):
    spec, panels = GROUPS[group], []
    key = "ratio" if any("ratio" in r for r in records) else spec.metric
    for place, name in PLACE_NAMES.items():
        here = [r for r in records if r["place"] == place and key in r]
        bars = [bar_of(label, color[runs[0]["subject"]], runs, key) for label, runs in by_label(here)]
        if bars:
            panels.append(Panel(name, bars))
    better = "less is better" if spec.less_is_better else "more is better"
    what = f"{spec.unit}, ratio to raw sockets" if key == "ratio" else spec.unit
    bars_picture(path, spec.title, f"{what}; medians and ranges; {better}", panels)


def draw_overview(records, path, color):
    """Ours beside raw, other libraries, and the best two others."""
    panels = []
    for group, place, variant in OVERVIEW:
        here = [r for r in records if r["group"] == group and r["place"] == place and "ratio" in r]
        rows = []
        for label, runs in by_label(here):
            if runs[0]["subject"] in PEERS or runs[0]["variant"] == variant and runs[0]["subject"] != "raw":
                rows.append((runs[0]["subject"], bar_of(label, color[runs[0]["subject"]], runs, "ratio")))
        others = sorted((bar for subject, bar in rows if subject in PEERS and subject != "rawhop"),
                        key=lambda bar: -bar.middle)[:2]
        bars = [bar for subject, bar in rows if subject not in PEERS] + others
        if bars:
            title = GROUPS[group].title.split(";")[0].split(":")[0]
            panels.append(Panel(f"{title}: {PLACE_NAMES[place]}", bars))
    if panels:
        bars_picture(path, "Beside raw sockets", "ratio to raw sockets; medians and ranges; more is better", panels)


def draw_lines(records, group, path, color):
    spec, series, ticks = GROUPS[group], {}, sorted({r["at"] for r in records if "at" in r})
    for r in records:
        name = ", ".join(filter(None, (r["subject"], r["series"] if "at" in r else r["variant"])))
        series.setdefault(name, {}).setdefault(r.get("at"), []).append(r)
    top = max(r[spec.metric] for r in records) * 1.05
    height = HEAD + LINES_HEIGHT + AXIS + 20 + 18 * len(series)
    canvas, left, right, bottom = Canvas(height, spec.title), 80, WIDTH - 40, HEAD + LINES_HEIGHT
    across = lambda at: left + (right - left) * (ticks.index(at) + 0.5) / len(ticks)
    up = lambda value: bottom - (bottom - HEAD - 10) * value / top
    canvas.text(MARGIN, 22, spec.title, kind="title")
    places = ", ".join(dict.fromkeys(PLACE_NAMES[r["place"]] for r in records))
    canvas.text(MARGIN, 38, f"{spec.unit}; medians and ranges; {places}", kind="small")
    distance = step(top)
    for i in range(int(top / distance) + 1):
        canvas.line(left, up(i * distance), right, up(i * distance), "grid")
        canvas.text(left - 8, up(i * distance) + 4, mark(i * distance), "end", "small")
    for at in ticks:
        canvas.text(across(at), bottom + 16, f"{at:,}", "middle", "small")
    canvas.text(right, bottom + 32, spec.axis, "end", "small")
    used = []
    for order, (name, points) in enumerate(series.items()):
        subject = next(iter(points.values()))[0]["subject"]
        kind = color[subject] if color[subject] not in used else next(
            (c for c in range(6) if c not in used and c not in color.values()), PEER_COLOR)
        used.append(kind)
        middles = {at: median_of(runs, spec.metric) for at, runs in points.items()}
        if None in points:
            flat = up(middles[None])
            canvas.line(left, flat, right, flat, f"line c{kind}")
        else:
            beside = 7 * (order - len(series) / 2)  # ranges of one place stand side by side
            way = " ".join(f"{across(at) + beside:.1f},{up(middles[at]):.1f}" for at in sorted(points))
            canvas.add(f'<polyline class="c{kind} line" style="fill:none" points="{way}"/>')
            for at, runs in points.items():
                values = [r[spec.metric] for r in runs]
                x = across(at) + beside
                canvas.line(x, up(min(values)), x, up(max(values)), f"c{kind}")
                canvas.add(f'<circle class="c{kind}" cx="{x:.1f}" cy="{up(middles[at]):.1f}" r="3.5"/>')
        y = bottom + AXIS + 26 + 18 * order
        canvas.add(f'<rect class="c{kind}" x="{left}" y="{y - 9}" width="16" height="8"/>')
        canvas.text(left + 24, y, name)
    canvas.save(path)


def draw(records, directory):
    """Draws all tables of `records`; the files, by the name of the group."""
    directory.mkdir(parents=True, exist_ok=True)
    good = [r for r in records if "group" in r and "error" not in r]
    add_ratios(good)
    color, files = colors(good), {}
    for group, spec in GROUPS.items():
        mine = [r for r in good if r["group"] == group]
        if mine:
            files[group] = directory / f"{group}.svg"
            (draw_lines if spec.axis else draw_bars)(mine, group, files[group], color)
    draw_overview(good, directory / "overview.svg", color)
    return files
