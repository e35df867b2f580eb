"""Tables of medians, ratios to raw sockets, and the goals."""

import itertools
import json
import statistics

from .plan import GOALS, GROUPS, PLACE_NAMES, REFERENCE

OURS = "minirpc"
FILE = 1000  # more repeats than a file has


# Further ratios, of goals: (name, key, of which subject, of which variant); None: the same.
RATIOS = (
    ("shape_ratio", "rate", "rawhop", ""),
    ("thrift_ratio", "rate", "thrift", ""),
    ("thrift_p999", "p999", "thrift", ""),
    ("plain_ratio", "rate", None, ""),
    ("shared_ratio", "rate", None, "1 dispatcher"),
    ("two_ratio", "rate", None, "2 dispatchers"),
)


def add_ratios(records):
    """Each run's figures over the medians of others in the same repeat; in place. A variant
    that raw sockets have, too, is compared with theirs."""
    index = {}
    for r in records:
        if "error" not in r:
            index.setdefault((r["group"], r["place"], r["repeat"], r["subject"], r["variant"]), []).append(r)
    for r in records:
        if "error" in r:
            continue
        run, metric = (r["group"], r["place"], r["repeat"]), GROUPS[r["group"]].metric

        def add(name, key, base):
            floor = median_of(base or [], key)
            if floor and key in r:
                r[name] = r[key] / floor

        like = r["variant"] if r.get("against") is None else r["against"]
        raw = (r["subject"] != "raw" and index.get((*run, "raw", like))) or index.get((*run, "raw", ""))
        add("ratio", metric, raw)
        add("cpu_ratio", "cpu_us", raw)
        add("p99_ratio", "p99", raw)
        for name, key, subject, variant in RATIOS:
            add(name, key, index.get((*run, subject or r["subject"], variant)))
        add("before_ratio", metric, index.get((*run, "before", r["variant"])))
        if r.get("alone_p50"):
            r["beside_ratio"] = r["beside_p50"] / r["alone_p50"]


def median_of(runs, key):
    values = [r[key] for r in runs if key in r]
    return statistics.median(values) if values else None


def number(x):
    if x is None:
        return ""
    if abs(x) >= 100:
        return f"{x:,.0f}"
    return f"{x:.1f}" if abs(x) >= 10 else f"{x:.2f}" if abs(x) >= 0.095 else f"{x:.3f}"


def markdown(head, rows):
    """An aligned table: reads well as text, too."""
    rows = [[str(c) for c in r] for r in rows]
    width = [max(len(r[i]) for r in [head, *rows]) for i in range(len(head))]
    line = lambda cells: "| " + " | ".join(c.ljust(w) for c, w in zip(cells, width)) + " |"
    rule = "|" + "|".join("-" * (w + 2) for w in width) + "|"
    return "\n".join([line(head), rule, *map(line, rows)])


def _spread(runs, key):
    values = [r[key] for r in runs if key in r]
    if not values:
        return ""
    text = number(statistics.median(values))
    if min(values) == max(values):
        return text
    return f"{text} ({number(min(values))}-{number(max(values))})"


def group_table(records, group, place):
    runs = [r for r in records if r["group"] == group and r["place"] == place]
    if not runs:
        return ""
    spec = GROUPS[group]
    head = ["", spec.unit, "of raw", *(c[0] for c in spec.columns)]
    rows = []
    for label in dict.fromkeys(r["label"] for r in sorted(runs, key=lambda r: r["order"])):
        good = [r for r in runs if r["label"] == label and "error" not in r]
        failed = [r for r in runs if r["label"] == label and "error" in r]
        if not good:
            rows.append([label, "FAILED", "", *([""] * len(spec.columns))])
            continue
        name = label + (f" ({len(failed)} of {len(good) + len(failed)} FAILED)" if failed else "")
        rows.append([name, _spread(good, spec.metric), _spread(good, "ratio"),
                     *(number(median_of(good, key)) for _, key in spec.columns)])
    return f"### {spec.title}: {PLACE_NAMES[place]}\n\n" + markdown(head, rows) + "\n"


def speeds(records):
    """How fast raw sockets are here, one core, compared with REFERENCE; by group."""
    found = {}
    for group, (variant, key, reference) in REFERENCE.items():
        runs = [r for r in records if "error" not in r and
                (r["subject"], r["group"], r["place"], r["variant"]) == ("raw", group, "same", variant)]
        value = median_of(runs, key)
        if value:
            found[group] = value / reference
    return found


def goal_table(records):
    rows, speed = [], speeds(records)
    for goal in GOALS:
        runs = [r for r in records if r["subject"] == OURS and "error" not in r and
                (r["group"], r["place"], r["variant"]) == (goal.group, goal.place, goal.variant)]
        value = median_of(runs, goal.key)
        if value is None:
            continue

        def met(x, goal=goal):
            return x >= goal.least if goal.least is not None else x <= goal.most

        scaled = value / speed[goal.speed] if goal.speed in speed else None
        if met(value):
            verdict = "met"
        elif scaled is not None and met(scaled):
            verdict = "met at the reference's speed"
        else:
            verdict = "**missed**"
        bound = f">= {number(goal.least)}" if goal.least is not None else f"<= {number(goal.most)}"
        what = f"{goal.group.upper()}, {PLACE_NAMES[goal.place]}" + (f", {goal.variant}" if goal.variant else "")
        rows.append([what, f"{bound} {goal.text}", _spread(runs, goal.key), number(scaled), verdict])
    if not rows:
        return ""
    table = markdown(["workload", "goal", "measured", "at the reference's speed", ""], rows) + "\n"
    told = {"w1": "calls per second of W1", "w4": "CPU time per GB of W4"}
    notes = [f"{s:.2f} of the reference's {told[g]} ({number(REFERENCE[g][2])})" for g, s in speed.items()]
    if notes:
        table += "\nRaw sockets on one core of this machine: " + "; ".join(notes) + ".\n"
    return table


def failures(records):
    return [f"{r['group']} {r['place']} {r['label']}, repeat {r['repeat'] % FILE + 1}: {r['error']}"
            for r in records if "error" in r]


def load(files):
    """What runs wrote. A repeat of one file is none of another's."""
    records = []
    for number, file in enumerate(files):
        for line in file.read_text().splitlines():
            r = json.loads(line)
            if "repeat" in r:
                r["repeat"] += number * FILE
            records.append(r)
    return records


def machine_line(r, records):
    """`r`: the record of a run's machine. Its repeats are counted: a run may end early."""
    if "ms" not in r:
        return r["machine"] + "\n"
    done = len({m["repeat"] for m in records})
    return f"{r['machine']}; medians of {done} repeat{'s' * (done != 1)} of {r['ms']} ms, and their range.\n"


def full_report(records, pictures=None):
    """`records`: what runs wrote; those about the machines are without a group. `pictures`:
    of groups, by name: where they are."""
    runs, notes = [], []
    for at, r in enumerate(records):
        if "machine" in r:
            rest = records[at + 1:]
            mine = list(itertools.takewhile(lambda m: "machine" not in m, rest))
            notes.append(machine_line(r, mine))
        else:
            runs.append(r)
    if not runs:
        return "Nothing was measured.\n"
    add_ratios(runs)
    goals = goal_table(runs)
    parts = notes + (["### Goals\n\n" + goals] if goals else [])
    for group in GROUPS:
        tables = [table for place in PLACE_NAMES if (table := group_table(runs, group, place))]
        if tables and pictures and group in pictures:
            tables[0] = tables[0].replace("\n\n", f"\n\n![{GROUPS[group].title}]({pictures[group]})\n\n", 1)
        parts += tables
    others = statistics.median(r["others_cpu"] for r in runs)
    if others > 0.1:
        parts.append(f"Beside these runs other work took {others:.2f} CPUs: the figures are too low.\n")
    broken = failures(runs)
    if broken:
        parts.append("FAILED runs:\n" + "\n".join("- " + b for b in broken) + "\n")
    return "\n".join(p for p in parts if p)
