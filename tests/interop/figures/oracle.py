"""Random questions for the suite's figures, and the answers of other implementations: scikit-learn, scipy, statsmodels, numpy.

    python -m figures.oracle SEED            the question, as JSON
    python -m figures.oracle SEED answers    what the others say"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import optimize, stats
from sklearn import metrics
from sklearn.calibration import _SigmoidCalibration
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

Json = dict[str, Any]

# As in src/decide/calibration.rs.
CONFIDENCE_EDGE = 1e-4


def question(seed: int) -> Json:
    rng = np.random.default_rng(seed)
    labels = int(rng.integers(3, 8))
    count = int(rng.integers(60, 320))
    # In every second question no case has the last label, though some are said to have it.
    cases = [case(rng, labels, labels - seed % 2, count) for _ in range(count)]
    right = int(rng.integers(20, 200))
    return {
        "seed": seed,
        "resamples": 4000,
        "labels": [f"label-{at}" for at in range(labels)],
        "cases": cases,
        "again": again(rng, cases, labels),
        "margin": 0.05,
        "bins": int(rng.integers(5, 21)),
        "costs": {"matrix": costs(rng, labels), "person": round(float(rng.uniform(0.1, 2)), 3)},
        "risk_max": round(float(rng.uniform(0.02, 0.4)), 3),
        "samples": [samples(rng, labels) for _ in range(40)],
        "reviews": [review(rng) for _ in range(12)],
        "lines": int(rng.integers(0, 6)),
        "quantiles": [float(p) for p in rng.uniform(0, 1, 20)] + [1e-9, 0.5, 0.975, 0.8],
        "shares": [[int(rng.integers(0, of + 1)), int(of)] for of in rng.integers(1, 3000, 20)] + [[0, 7], [7, 7]],
        "discordant": [[int(n) for n in rng.integers(0, most, 2)] for most in rng.integers(1, 400, 20)] + [[0, 0], [5, 5]],
        "p_values": [float(p) for p in np.round(rng.uniform(0, 1, int(rng.integers(1, 12))) ** 3, 3)],
        "agreement": agreement(rng, labels),
        "values": [float(value) for value in rng.lognormal(3, 1, int(rng.integers(1, 300)))],
        "detectable": [[int(rng.integers(20, 4000)), float(rng.uniform(0, 0.6))] for _ in range(10)],
        "answers": answers(rng, right),
        "confidences": [float(confidence) for confidence in rng.uniform(0, 1, 10)] + [0.0, 1.0],
    }


def case(rng: np.random.Generator, labels: int, had: int, count: int) -> Json:
    # The first labels are the more frequent ones.
    expected = min(int(rng.geometric(0.4)), had) - 1
    got: int | None = expected if rng.uniform() < 0.7 else int(rng.integers(0, labels))
    # Few different values, so that there are equal ones, and some at the edges of bins.
    confidence: float | None = round(float(rng.beta(4, 2)), 2)
    if rng.uniform() < 0.15:
        got = confidence = None
    return {"expected": expected, "got": got, "confidence": confidence, "cluster": f"c{rng.integers(0, count // 2)}"}


def again(rng: np.random.Generator, cases: list[Json], labels: int) -> list[int | None]:
    """A second run, which is better in some questions and worse in others."""
    better, worse = rng.permutation([rng.uniform(0.1, 0.4), rng.uniform(0, 0.1)])

    def said(case: Json) -> int | None:
        chance = rng.uniform()
        return case["expected"] if chance < better else int(rng.integers(0, labels)) if chance < better + worse else case["got"]

    return [said(case) for case in cases]


def costs(rng: np.random.Generator, labels: int) -> list[list[float]]:
    matrix = np.round(rng.uniform(0.1, 10, (labels, labels)), 2)
    np.fill_diagonal(matrix, 0)
    return matrix.tolist()


def samples(rng: np.random.Generator, labels: int) -> list[Any]:
    expected = int(rng.integers(0, labels))
    steady = rng.uniform()
    said = [expected if rng.uniform() < steady else None if rng.uniform() < 0.2 else int(rng.integers(0, labels)) for _ in range(3)]
    return [expected, said]


def place(rng: np.random.Generator) -> Json:
    first = int(rng.integers(1, 40))
    return {
        "path": f"src/{rng.integers(0, 2)}.rs",
        "old": bool(rng.uniform() < 0.2),
        "first": first,
        "last": first + int(rng.integers(0, 4)),
        "kind": str(rng.choice(["bug", "style"])),
    }


def review(rng: np.random.Generator) -> Json:
    told = [place(rng) for _ in range(int(rng.integers(0, 12)))]
    return {"expected": [place(rng) for _ in range(int(rng.integers(0, 12)))], "told": told, "anchored": len(told) // 2}


def agreement(rng: np.random.Generator, labels: int) -> list[list[int]]:
    one = rng.integers(0, labels, 80)
    other = np.where(rng.uniform(size=80) < 0.6, one, rng.integers(0, labels, 80))
    return [[int(a), int(b)] for a, b in zip(one, other)]


def answers(rng: np.random.Generator, count: int) -> list[list[Any]]:
    confidence = np.round(rng.beta(5, 1.5, count + 20), 3)
    # Some judges are right less often the surer they are.
    share = 0.25 + 0.6 * (1 - confidence if rng.uniform() < 0.2 else confidence)
    right = rng.uniform(size=count + 20) < share
    return [[float(c), bool(r)] for c, r in zip(confidence, right)]


def said(asked: Json) -> Json:
    """What the others say, in the form in which the program answers, as far as it is compared."""
    labels, person = len(asked["labels"]), len(asked["labels"])
    expected = np.array([case["expected"] for case in asked["cases"]])
    got = np.array([person if case["got"] is None else case["got"] for case in asked["cases"]])
    return {
        "classes": of_classes(expected, got, labels),
        "figures": of_all(expected, got, labels),
        "counts": {
            "cases": len(expected),
            "decided": int(np.sum(got < labels)),
            "correct": int(np.sum(expected == got)),
        },
        "intervals": intervals(asked, expected, got, labels),
        "comparison": comparison(asked, expected, got, labels),
        "error_cost": float(np.mean(spent(asked))),
        "calibration": of_confidence(asked),
        "risk_coverage": curve(asked),
        "thresholds": thresholds(asked),
        "stability": of_samples(asked),
        "findings": matched(asked),
        "quantiles": stats.norm.ppf(asked["quantiles"]).tolist(),
        "shares": [wilson(hits, of) for hits, of in asked["shares"]],
        "discordant": [float(mcnemar([[3, a], [b, 3]], exact=True).pvalue) for a, b in asked["discordant"]],
        "p_values": multipletests(asked["p_values"], method="holm")[1].tolist(),
        "kappa": float(metrics.cohen_kappa_score(*zip(*asked["agreement"]))),
        "values": [float(np.percentile(asked["values"], share)) for share in (50, 95, 99, 100)] + [math.fsum(asked["values"])],
        "detectable": [difference(cases, share) for cases, share in asked["detectable"]],
        "scaling": scaling(asked),
    }


def wilson(hits: int, of: int) -> list[float] | None:
    return [float(end) for end in proportion_confint(hits, of, method="wilson")] if of else None


def of_classes(expected: np.ndarray, got: np.ndarray, labels: int) -> Json:
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        expected, got, labels=range(labels), zero_division=0
    )
    confusion = metrics.confusion_matrix(expected, got, labels=range(labels + 1))[:labels]
    hits, said = np.diag(confusion), confusion[:, :labels].sum(axis=0)
    return {
        "said": said.tolist(),
        "precision_ends": [wilson(*of) for of in zip(hits, said)],
        "recall_ends": [wilson(*of) for of in zip(hits, support)],
        "precision": precision.tolist(),
        "recall": recall.tolist(),
        "f1": f1.tolist(),
        "support": support.tolist(),
        "confusion": confusion.tolist(),
    }


def of_all(expected: np.ndarray, got: np.ndarray, labels: int) -> Json:
    decided = got < labels
    present = sorted(set(expected) | set(got[decided]))

    def by_sklearn(expected: np.ndarray, got: np.ndarray, average: str, labels: Any) -> float:
        return float(metrics.f1_score(expected, got, labels=labels, average=average, zero_division=0))

    return {
        "macro_f1": by_sklearn(expected, got, "macro", present),
        "micro_f1": by_sklearn(expected, got, "micro", present),
        "weighted_f1": by_sklearn(expected, got, "weighted", present),
        # Of the decided cases the labels are those that occur among them: scikit-learn's own choice.
        "macro_f1_decided": by_sklearn(expected[decided], got[decided], "macro", None),
        "accuracy": float(metrics.accuracy_score(expected[decided], got[decided])),
        "coverage": float(np.mean(decided)),
    }


def counted(expected: np.ndarray, got: np.ndarray, labels: int) -> np.ndarray:
    """What each case adds to what F1 is made of: hits by label, then expected, then said."""
    every = np.arange(labels)
    was, said = expected[:, None] == every, got[:, None] == every
    return np.hstack([was & said, was, said]).astype(int)


def f1(counts: np.ndarray, average: str = "macro") -> np.ndarray:
    """scikit-learn's takes a millisecond, and is asked for thousands of draws."""
    hits, expected, said = np.split(counts, 3, axis=-1)
    if average == "micro":
        return 2 * hits.sum(axis=-1) / (expected + said).sum(axis=-1)
    with np.errstate(invalid="ignore"):
        by_label = 2 * hits / (expected + said)
    if average == "weighted":
        return np.nansum(by_label * expected, axis=-1) / expected.sum(axis=-1)
    return np.nanmean(by_label, axis=-1)


def mean(sums: np.ndarray) -> np.ndarray:
    """Of a column of numbers and one of ones."""
    return sums[..., 0] / sums[..., 1]


def with_ones(numbers: np.ndarray) -> np.ndarray:
    return np.column_stack([numbers, np.ones(len(numbers))])


def intervals(asked: Json, expected: np.ndarray, got: np.ndarray, labels: int) -> Json:
    counts = counted(expected, got, labels)
    return {
        "macro_f1": interval(asked, counts, f1),
        "micro_f1": interval(asked, counts, lambda sums: f1(sums, "micro")),
        "weighted_f1": interval(asked, counts, lambda sums: f1(sums, "weighted")),
        "macro_f1_decided": interval(asked, counts * (got < labels)[:, None], f1),
        "error_cost": interval(asked, with_ones(np.array(spent(asked))), mean),
    }


def interval(asked: Json, adds: np.ndarray, of: Callable[[np.ndarray], np.ndarray]) -> list[float]:
    """The interval of a figure of the sums of what each case adds, when cases are drawn by cluster."""
    names = np.array([case["cluster"] for case in asked["cases"]])
    clusters = np.array([adds[names == name].sum(axis=0) for name in dict.fromkeys(names)])
    found = stats.bootstrap(
        (np.arange(len(clusters)),),
        lambda drawn, axis: of(clusters[drawn].sum(axis=axis - 1)),
        vectorized=True,
        batch=500,
        method="percentile",
        n_resamples=asked["resamples"],
        rng=np.random.default_rng(asked["seed"]),
    )
    return [float(found.confidence_interval.low), float(found.confidence_interval.high)]


def comparison(asked: Json, expected: np.ndarray, got: np.ndarray, labels: int) -> Json:
    after = np.array([labels if said is None else said for said in asked["again"]])
    was_right, is_right = got == expected, after == expected
    gained = with_ones(is_right.astype(int) - was_right)
    both = np.hstack([counted(expected, after, labels), counted(expected, got, labels)])

    def delta_f1(counts: np.ndarray) -> np.ndarray:
        b, a = np.split(counts, 2, axis=-1)
        return f1(b) - f1(a)

    def p_value(of: Any) -> float:
        a, b = was_right[of], is_right[of]
        table = [[int(np.sum(a & b)), int(np.sum(a & ~b))], [int(np.sum(~a & b)), int(np.sum(~a & ~b))]]
        return float(mcnemar(table, exact=True).pvalue)

    present = sorted({int(label) for label in expected})
    p_values = [p_value(expected == label) for label in present]
    changed = np.flatnonzero(was_right != is_right)
    return {
        "counts": {
            "cases": len(expected),
            "both": int(np.sum(was_right & is_right)),
            "only_a": int(np.sum(was_right & ~is_right)),
            "only_b": int(np.sum(~was_right & is_right)),
            "neither": int(np.sum(~was_right & ~is_right)),
        },
        # Cases of one cluster show no more than one.
        "detectable": difference(len({case["cluster"] for case in asked["cases"]}), len(changed) / len(expected)),
        "p_value": p_value(slice(None)),
        "accuracy_delta": float(mean(gained.sum(axis=0))),
        "macro_f1_delta": float(delta_f1(both.sum(axis=0))),
        "intervals": {"accuracy_delta": interval(asked, gained, mean), "macro_f1_delta": interval(asked, both, delta_f1)},
        "labels": present,
        "classes": {
            "support": [int(np.sum(expected == label)) for label in present],
            "recall_a": [float(np.mean(was_right[expected == label])) for label in present],
            "recall_b": [float(np.mean(is_right[expected == label])) for label in present],
            "p_value": p_values,
            "p_corrected": multipletests(p_values, method="holm")[1].tolist(),
        },
        "changed": changed.tolist(),
    }


def spent(asked: Json) -> list[float]:
    matrix, person = asked["costs"]["matrix"], asked["costs"]["person"]
    return [person if case["got"] is None else matrix[case["expected"]][case["got"]] for case in asked["cases"]]


def of_confidence(asked: Json) -> Json:
    decided = [case for case in asked["cases"] if case["got"] is not None]
    confidence = np.array([case["confidence"] for case in decided])
    right = np.array([case["got"] == case["expected"] for case in decided])
    edges = np.arange(asked["bins"] + 1) / asked["bins"]
    at = np.digitize(confidence, edges[1:-1])
    bins = [
        [float(edges[n]), float(edges[n + 1]), int(np.sum(at == n)), float(confidence[at == n].mean()), float(right[at == n].mean())]
        for n in range(asked["bins"])
        if np.any(at == n)
    ]
    ece = sum(count * abs(sure - share) for _, _, count, sure, share in bins) / len(decided)
    both = 0 < right.sum() < len(right)
    return {
        "ece": ece,
        "brier": float(metrics.brier_score_loss(right, confidence)) if both else float(np.mean((confidence - right) ** 2)),
        "auroc": float(metrics.roc_auc_score(right, confidence)) if both else None,
        "bins": bins,
    }


def taken(asked: Json, threshold: float) -> list[Json]:
    return [case for case in asked["cases"] if case["got"] is not None and case["confidence"] >= threshold]


def curve(asked: Json) -> Json:
    known = sorted({case["confidence"] for case in asked["cases"] if case["got"] is not None})
    points = []
    for threshold in known:
        left = taken(asked, threshold)
        points.append([threshold, len(left) / len(asked["cases"]), float(np.mean([case["got"] != case["expected"] for case in left]))])
    # From the surest answer down, each one at the risk of all that are at least as sure.
    risks = {threshold: risk for threshold, _, risk in points}
    area = float(np.mean([risks[case["confidence"]] for case in asked["cases"] if case["got"] is not None]))
    return {"points": points, "area": area}


def thresholds(asked: Json) -> Json:
    points, person, all_cases = curve(asked)["points"], asked["costs"]["person"], len(asked["cases"])
    within = next((point for point in points if point[2] <= asked["risk_max"]), None)

    def cost(threshold: float) -> float:
        left = taken(asked, threshold)
        matrix = asked["costs"]["matrix"]
        return (sum(matrix[case["expected"]][case["got"]] for case in left) + person * (all_cases - len(left))) / all_cases

    least = min(cost(point[0]) for point in points)
    return {"within": within, "cheapest": least if least < person else None}


def of_samples(asked: Json) -> Json:
    flips = [len({str(said) for said in case}) > 1 for _, case in asked["samples"]]
    passes = [all(said == expected for said in case) for expected, case in asked["samples"]]
    return {"samples": 3, "flip_rate": float(np.mean(flips)), "pass_all": float(np.mean(passes))}


def pair_cost(one: Json, other: Json, lines: int) -> tuple[int, int] | None:
    """Whether the kind is another one, and the lines between; none if they cannot be the same."""
    if (one["path"], one["old"]) != (other["path"], other["old"]):
        return None
    between = max(other["first"] - one["last"], one["first"] - other["last"], 0)
    return (int(one["kind"] != other["kind"]), between) if between <= lines else None


def matched(asked: Json) -> list[list[int]]:
    """By review: pairs, pairs of another kind, lines between the pairs."""
    found = []
    for case in asked["reviews"]:
        never = 10**9
        table = np.full((len(case["expected"]), len(case["told"])), never)
        for (row, one), (column, other) in ((a, b) for a in enumerate(case["expected"]) for b in enumerate(case["told"])):
            cost = pair_cost(one, other, asked["lines"])
            if cost is not None:
                table[row, column] = cost[0] * 10_000 + cost[1]
        pairs = [(row, column) for row, column in zip(*optimize.linear_sum_assignment(table)) if table[row, column] < never]
        found.append(total(case, pairs, asked["lines"]))
    return found


def total(case: Json, pairs: Any, lines: int) -> list[int]:
    costs = [pair_cost(case["expected"][one], case["told"][other], lines) for one, other in pairs]
    return [len(costs), sum(cost[0] for cost in costs), sum(cost[1] for cost in costs)]  # type: ignore[index]


def difference(cases: int, share: float) -> float:
    """Where the difference equals what the test and the power want of it."""
    doubt, power = stats.norm.ppf(0.975), stats.norm.ppf(0.8)

    def lacking(delta: float) -> float:
        psi = max(share, delta)
        return delta * math.sqrt(cases) - doubt * math.sqrt(psi) - power * math.sqrt(max(psi - delta * delta, 0))

    return float(optimize.brentq(lacking, 1e-12, 1, xtol=1e-14))


def scaling(asked: Json) -> Json:
    """By scikit-learn, whose signs are the opposite, and by a general minimiser."""

    def logit(confidence: Any) -> np.ndarray:
        inside = np.clip(np.array(confidence), CONFIDENCE_EDGE, 1 - CONFIDENCE_EDGE)
        return np.log(inside / (1 - inside))

    scores = logit([confidence for confidence, _ in asked["answers"]])
    right = np.array([right for _, right in asked["answers"]])
    by_sklearn = _SigmoidCalibration().fit(scores, right)
    wanted = np.where(right, (right.sum() + 1) / (right.sum() + 2), 1 / ((~right).sum() + 2))

    def loss(of: np.ndarray) -> float:
        z = of[0] * scores + of[1]
        return float(np.sum(np.logaddexp(0, z) - wanted * z))

    def slope(of: np.ndarray) -> np.ndarray:
        off = 1 / (1 + np.exp(-(of[0] * scores + of[1]))) - wanted
        return np.array([off @ scores, off.sum()])

    best = optimize.minimize(loss, [0.0, 0.0], jac=slope, method="BFGS", options={"gtol": 1e-9}).x
    return {
        "sklearn": [-float(by_sklearn.a_), -float(by_sklearn.b_)],
        "scipy": best.tolist(),
        "confidences": by_sklearn.predict(logit(asked["confidences"])).tolist(),
    }


if __name__ == "__main__":
    asked = question(int(sys.argv[1]))
    json.dump(said(asked) if sys.argv[2:] == ["answers"] else asked, sys.stdout, indent=1)
