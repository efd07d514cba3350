"""SVG by hand: one chart for each group, one panel for each scenario, one bar
for each relay, with a whisker from the least to the greatest sample."""
from xml.sax.saxutils import escape

from .report import figures, floor_of, median, number

WIDTH, LABEL, BAR, GAP, HEAD = 860, 150, 16, 5, 34
COLOURS = {"ours": "#1f6f8b", "variant": "#6fa8bd", "default": "#b0b7bf",
           "tuned": "#8a939c", "baseline": "#d9c9a8"}
TITLES = {"bulk": "Bulk", "handshake": "Connections and handshakes",
          "latency": "Ping-pong and first answers", "reload": "Reloads",
          "many": "Many services", "memory": "Memory"}


def _text(x, y, text, extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" {extra}>{escape(text)}</text>'


def _bar(x_of, y, name, group, values):
    middle, least, most = median(values), min(values), max(values)
    centre = y + BAR / 2
    weight = ' font-weight="bold"' if group == "ours" else ""
    parts = [
        _text(LABEL - 8, y + BAR - 4, name, f'text-anchor="end"{weight}'),
        f'<rect x="{LABEL}" y="{y:.1f}" width="{x_of(middle) - LABEL:.1f}" '
        f'height="{BAR}" fill="{COLOURS[group]}"/>',
        f'<path d="M{x_of(least):.1f} {centre}H{x_of(most):.1f}'
        f'M{x_of(least):.1f} {centre - 4}v8M{x_of(most):.1f} {centre - 4}v8" '
        'stroke="#333" fill="none"/>',
        _text(x_of(most) + 6, y + BAR - 4, number(middle)),
    ]
    return "\n".join(parts)


def _panel(record, scenario, top):
    """The panel's parts, and where the next begins."""
    rows = [(name, record["relays"][name]["group"], figures(samples))
            for name, samples in record["results"][scenario.name].items()]
    rows = [row for row in rows if row[2]]
    order = {name: place for place, name in enumerate(record["relays"])}
    rows.sort(key=lambda row: order[row[0]])
    most = max((max(values) for _, _, values in rows), default=1) or 1

    def x_of(value):
        return LABEL + max(0, value) / most * (WIDTH - LABEL - 90)

    parts = [_text(8, top + 20, f"{scenario.title} ({scenario.unit})",
                   'font-weight="bold"')]
    y = top + HEAD
    for name, group, values in rows:
        parts.append(_bar(x_of, y, name, group, values))
        y += BAR + GAP
    floor = floor_of(record, scenario)
    if floor is not None and rows:
        parts.append(f'<path d="M{x_of(floor):.1f} {top + HEAD - 3}V{y}" '
                     'stroke="#b5482f" stroke-dasharray="4 3"/>')
        parts.append(_text(x_of(floor), y + 10, f"floor {number(floor)}",
                           'fill="#b5482f" font-size="10"'))
    return parts, y + 22


def _chart(record, scenarios):
    top, parts = 8, []
    for one in scenarios:
        panel, top = _panel(record, one, top)
        parts += panel
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
        f'height="{top}" viewBox="0 0 {WIDTH} {top}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{top}" fill="#fff"/>',
        *parts, "</svg>", ""])


def draw_all(record, scenarios, folder):
    """[(title, file name)]"""
    drawn = []
    for group, title in TITLES.items():
        members = [one for one in scenarios if one.group == group and
                   record["results"][one.name]]
        if members:
            (folder / f"{group}.svg").write_text(_chart(record, members))
            drawn.append((title, f"{group}.svg"))
    return drawn
