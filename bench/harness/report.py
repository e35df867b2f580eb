"""Tables of medians, ratios to raw sockets, and the goals."""

import statistics

from .plan import GOALS, GROUPS, PLACE_NAMES, REFERENCE

OURS = "minirpc"


def add_ratios(records):
    """Each run's metric over the median of raw's in the same repeat; in place. A variant
    that raw sockets have, too, is compared with theirs."""
    raw = {}
    for r in records:
        if r["subject"] == "raw" and "error" not in r:
            raw.setdefault((r["group"], r["place"], r["repeat"], r["variant"]), []).append(r)
    single = {
        (r["place"], r["repeat"], r["subject"]): r["rate"]
        for r in records if r["variant"] == "1 dispatcher" and "error" not in r
    }
    plain = {
        (r["group"], r["place"], r["repeat"], r["subject"]): r["rate"]
        for r in records if r["group"] == "w1" and r["variant"] == "" and "error" not in r
    }
    for r in records:
        if "error" in r:
            continue
        if r["group"] == "w1" and (of := plain.get((r["group"], r["place"], r["repeat"], r["subject"]))):
            r["plain_ratio"] = r["rate"] / of
        run = (r["group"], r["place"], r["repeat"])
        same = raw.get((*run, r["variant"])) if r["subject"] != "raw" else None
        base = same or raw.get((*run, ""))
        for key, name in ((GROUPS[r["group"]].metric, "ratio"), ("cpu_us", "cpu_ratio")):
            floor = statistics.median(b[key] for b in base) if base else 0
            if floor:
                r[name] = r[key] / floor
        if r.get("alone_p50"):
            r["beside_ratio"] = r["beside_p50"] / r["alone_p50"]
        if r["variant"] == "shared" and single.get((r["place"], r["repeat"], r["subject"])):
            r["shared_ratio"] = r["rate"] / single[r["place"], r["repeat"], r["subject"]]


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
    return [f"{r['group']} {r['place']} {r['label']}, repeat {r['repeat'] + 1}: {r['error']}"
            for r in records if "error" in r]


def full_report(records):
    """`records`: what a run wrote; the line about the machine is one without a group."""
    notes = [r["machine"] + "\n" for r in records if "machine" in r]
    records = [r for r in records if "group" in r]
    if not records:
        return "Nothing was measured.\n"
    add_ratios(records)
    goals = goal_table(records)
    parts = notes + (["### Goals\n\n" + goals] if goals else [])
    parts += [group_table(records, g, p) for g in GROUPS for p in PLACE_NAMES]
    others = statistics.median(r["others_cpu"] for r in records)
    if others > 0.1:
        parts.append(f"Beside these runs other work took {others:.2f} CPUs: the figures are too low.\n")
    broken = failures(records)
    if broken:
        parts.append("FAILED runs:\n" + "\n".join("- " + b for b in broken) + "\n")
    return "\n".join(p for p in parts if p)
