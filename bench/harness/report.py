"""Results in words: tables for people, with the worst rows included."""
import shutil
import statistics

BEGIN = "<!-- results: written by bench/run --publish -->"
END = "<!-- results: end -->"


def figures(samples):
    return [one["figure"] for one in samples if "failed" not in one]


def median(values):
    return statistics.median(values) if values else None


def ratios(ours, theirs, field="figure"):
    """Of the same rounds, ours to theirs."""
    return [a[field] / b[field] for a, b in zip(ours, theirs)
            if "failed" not in a and "failed" not in b and
            b.get(field, 0) > 0]


def best_peer(record, scenario, group):
    """(name, ratios) of the peer that we do worst against; None without."""
    rows = record["results"][scenario.name]
    found = None
    for name, samples in rows.items():
        if record["relays"][name]["group"] != group or \
                "sallyport" not in rows:
            continue
        pairs = ratios(rows["sallyport"], samples)
        if pairs and (found is None or median(pairs) > median(found[1])):
            found = name, pairs
    return found


def number(value):
    if value is None:
        return "–"
    for least, digits in ((100, 0), (10, 1), (1, 2)):
        if abs(value) >= least:
            return f"{value:.{digits}f}"
    return f"{value:.3f}"


def _spread(values):
    if not values:
        return "failed"
    text = number(median(values))
    if len(values) > 1:
        text += f" ({number(min(values))} to {number(max(values))})"
    return text


def _ratio(pairs):
    text = f"{median(pairs):.2f}"
    if len(pairs) > 1:
        text += f" ({min(pairs):.2f} to {max(pairs):.2f})"
    return text


def _against(record, scenario, group, goal):
    """Three cells: the peer, the ratio, the goal."""
    found = best_peer(record, scenario, group)
    wanted = f"≤ {goal:.2f}" if goal is not None else ""
    if found is None:
        return ["–", "–", wanted]
    name, pairs = found
    text = _ratio(pairs)
    if goal is not None:
        text = f"**{text}**" if median(pairs) > goal else text
    return [f"{name} {number(median(figures(record['results'][scenario.name][name])))}",
            text, wanted]


def _row(cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _table(head, rows):
    return [_row(head), _row(["---"] * len(head)), *map(_row, rows), ""]


def summary(record, scenarios):
    """One row for each scenario: are the goals reached?"""
    rows = []
    for one in scenarios:
        ours = figures(record["results"][one.name].get("sallyport", []))
        own = number(median(ours))
        if one.goal is not None:
            missed = ours and median(ours) > one.goal
            own = (f"**{own}**" if missed else own) + f" (≤ {one.goal:g})"
        rows.append([one.title, one.unit, own,
                     *_against(record, one, "default", one.goal_default),
                     *_against(record, one, "tuned", one.goal_tuned)])
    return _table(["scenario", "unit", "Sallyport", "best default peer",
                   "ratio", "goal", "best tuned peer", "ratio", "goal"], rows)


def _cells_of_variant(scenario, samples):
    return [_spread(figures(samples)), _speed(scenario, samples),
            number(_middle(samples, "load", "latency_us", "p99"))]


def _variants(record, scenarios):
    """Our own settings against each other, where both were measured."""
    rows = []
    for one in scenarios:
        samples = record["results"][one.name]
        for name, about in record["relays"].items():
            other = about["against"]
            pairs = ratios(samples.get(name, []), samples.get(other, []))
            if about["group"] == "variant" and pairs:
                speeds = ratios(samples[name], samples[other],
                                "units_per_second")
                rows.append([one.title, one.unit, about["settings"],
                             *_cells_of_variant(one, samples[name]), other,
                             *_cells_of_variant(one, samples[other]),
                             _ratio(pairs),
                             _ratio(speeds) if speeds else "–"])
    if not rows:
        return []
    return ["Our own settings, compared in the same way:", "",
            *_table(["scenario", "unit", "settings", "figure", "speed",
                     "p99 µs", "against", "figure", "speed", "p99 µs",
                     "ratio", "ratio of speeds"], rows)]


def _middle(samples, *path):
    """The median of a field of the samples."""
    values = []
    for one in samples:
        for key in path:
            one = one.get(key) if isinstance(one, dict) else None
        if one is not None:
            values.append(one)
    return median(values)


def _resumed(samples):
    for one in samples:
        for side in ("client_tls", "server_tls"):
            tls = one.get("load", {}).get(side)
            if tls:
                return f"{tls['resumed']} of {tls['handshakes']}"
    return "–"


def _speed(scenario, samples):
    speed = _middle(samples, "units_per_second")
    if speed is None:
        return "–"
    if scenario.group == "bulk":
        return f"{speed / 1e6:.0f} MB/s"
    return f"{speed:.0f}/s"


def floor_of(record, scenario):
    floors = record["floors"]
    if scenario.floor is None or any(one not in floors
                                     for one in scenario.floor):
        return None
    return sum(floors[one] for one in scenario.floor)


def _reload_cells(samples):
    longest = _middle(samples, "load", "latency_us", "max")
    return [*(number(_middle(samples, "load", "latency_us", one))
              for one in ("p50", "p99")),
            number(longest / 1000 if longest is not None else None),
            number(_middle(samples, "reload_seconds"))]


def _many_cells(samples):
    return [number(_middle(samples, one)) for one in (
        "start_seconds", "start_cpu_seconds", "worker_mib", "reload_seconds",
        "reload_cpu_seconds")]


def _details(record, scenario):
    floor = floor_of(record, scenario)
    head = ["relay", scenario.unit]
    head += ["× floor"] if floor else []
    head += ["speed"] if scenario.kind == "cost" else []
    head += ["p50 µs", "p99 µs", "p99.9 µs"] if scenario.mode in (
        "ping", "churn") else []
    head += ["p50 µs", "p99 µs", "longest ms", "reload s"] if \
        scenario.kind == "reload" else []
    head += ["start s", "start CPU-s", "worker MiB", "reload s",
             "reload CPU-s"] if scenario.kind == "many" else []
    head += ["resumed"] if scenario.resume else []
    head += ["load, of a core"] if scenario.kind == "scaling" else []
    head += ["PSS MiB"]
    rows = []
    for name, samples in record["results"][scenario.name].items():
        values = figures(samples)
        row = [name, _spread(values)]
        if any(one.get("disturbed") for one in samples):
            row[1] += " †"
        if floor:
            row.append(f"{median(values) / floor:.2f}" if values else "–")
        if scenario.kind == "cost":
            row.append(_speed(scenario, samples))
        if scenario.mode in ("ping", "churn"):
            row += [number(_middle(samples, "load", "latency_us", one))
                    for one in ("p50", "p99", "p99.9")]
        if scenario.kind == "reload":
            row += _reload_cells(samples)
        if scenario.kind == "many":
            row += _many_cells(samples)
        if scenario.resume:
            row.append(_resumed(samples))
        if scenario.kind == "scaling":
            row.append(number(_middle(samples, "load_busy")))
        memory = _middle(samples, "pss_kib")
        row.append(number(memory / 1024 if memory is not None else None))
        rows.append(row)
    lines = [f"### {scenario.title}", "", f"`{scenario.name}`: "
             f"{scenario.unit}" + (f"; the floor is {number(floor)} "
                                   f"({' + '.join(scenario.floor)})"
                                   if floor else ""), ""]
    return lines + _table(head, rows)


def _failures(record, scenarios):
    lines = []
    for one in scenarios:
        for name, samples in record["results"][one.name].items():
            faults = {sample["failed"].splitlines()[0][:160]
                      for sample in samples if "failed" in sample}
            lines += [f"- {name}, {one.name}: {fault}" for fault in faults]
    return ["### What failed", "", *lines, ""] if lines else []


def _setting(record):
    about = record["machine"]
    lines = [
        f"{about['date']}: {about['cpu']}, {about['cores']} cores, "
        f"{about['system']}, Linux {about['kernel']}; {about['network']}, "
        f"congestion control {about['congestion_control']}; relay on core "
        f"{record['cores']['relay']}, load on core "
        f"{record['cores']['load']} (with two workers both on both); "
        f"{record['rounds']} rounds, samples of size {record['scale']:g}, "
        f"memory at {record['memory_scale']:g} of "
        f"the stated connections; {record['seconds'] // 60 + 1} minutes.",
        "",
    ]
    return lines + _table(
        ["relay", "version", "compared as", "settings"],
        [[name, one["version"], one["group"], one["settings"]]
         for name, one in record["relays"].items()])


def markdown(record, scenarios, drawn, folder="."):
    lines = ["## Results", "", *_setting(record),
             "Ratios are ours to theirs, medians of pairs from the same round "
             "(least to greatest in parentheses); below 1 is cheaper. A goal "
             "that is missed stands in bold. † marks figures with a sample "
             "that stayed disturbed after all repetitions.", "",
             *summary(record, scenarios), *_variants(record, scenarios),
             *(f"![{title}]({folder}/{name})\n" for title, name in drawn),
             "## Every scenario", ""]
    for one in scenarios:
        lines += _details(record, one)
    return "\n".join(lines + _failures(record, scenarios)) + "\n"


def publish(record, scenarios, drawn, results, docs):
    """Into the marked section of docs/benchmarks.md, charts beside it."""
    page = docs / "benchmarks.md"
    text = page.read_text()
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    folder = docs / "benchmarks"
    folder.mkdir(exist_ok=True)
    for name in ["results.json", *(name for _, name in drawn)]:
        shutil.copy(results / name, folder / name)
    page.write_text(before + BEGIN + "\n\n" +
                    markdown(record, scenarios, drawn, "benchmarks") +
                    "\n" + END + after)
