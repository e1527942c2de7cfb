"""The suite's figures are those of scikit-learn, scipy, statsmodels and numpy on the same random data.

`hookyard eval figures` takes a question on stdin and writes the answer. Every figure agrees to nine digits but two: the ends of a
bootstrap interval, which are drawn by chance on both sides and may lie a tenth of its width apart (four times the standard
deviation of the difference between two such ends, each from 4,000 draws, is about 0.08 of the width), and scikit-learn's
sigmoid, whose minimiser stops early."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import unittest
from collections.abc import Callable
from typing import Any

import numpy as np

from . import oracle

SEEDS = range(1, 11)
EXACT = 1e-9
DRAWN = 0.1
EARLY = 2e-3


def ask(question: oracle.Json) -> oracle.Json:
    command = [os.environ["HOOKYARD"], "eval", "figures"]
    done = subprocess.run(command, input=json.dumps(question), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def ends(estimate: oracle.Json | None) -> list[float] | None:
    return estimate and [estimate["low"], estimate["high"]]


def of_each_question(check: Callable[..., None]) -> Callable[[Figures], None]:
    @functools.wraps(check)
    def test(self: Figures) -> None:
        for seed, question, ours, theirs in self.runs:
            with self.subTest(seed=seed):
                check(self, question, ours, theirs)

    # The arguments are not fixtures.
    del test.__wrapped__  # type: ignore[attr-defined]
    return test


class Figures(unittest.TestCase):
    runs: list[tuple[int, oracle.Json, oracle.Json, oracle.Json]]

    @classmethod
    def setUpClass(cls) -> None:
        cls.runs = []
        for seed in SEEDS:
            question = oracle.question(seed)
            cls.runs.append((seed, question, ask(question), oracle.said(question)))

    def near(self, ours: Any, theirs: Any, what: str, within: float = EXACT) -> None:
        if isinstance(theirs, (list, tuple)):
            self.assertEqual(len(ours), len(theirs), what)
            for at, (one, other) in enumerate(zip(ours, theirs)):
                self.near(one, other, f"{what}[{at}]", within)
        elif isinstance(theirs, float) and isinstance(ours, (float, int)):
            self.assertLessEqual(abs(ours - theirs), within * max(1.0, abs(theirs)), f"{what}: {ours}, {theirs}")
        else:
            self.assertEqual(ours, theirs, what)

    def near_drawn(self, ours: oracle.Json, theirs: list[float], what: str) -> None:
        """By the width of theirs, so that ours is not forgiven for being too wide."""
        for one, other in zip(ends(ours), theirs, strict=True):
            self.assertLessEqual(abs(one - other), DRAWN * (theirs[1] - theirs[0]), f"{what}: {ours}, {theirs}")

    @of_each_question
    def test_classes(self, question: oracle.Json, ours: oracle.Json, theirs: oracle.Json) -> None:
        rows, other = ours["classes"], theirs["classes"]
        for name in ("support", "said", "confusion", "f1"):
            self.near([row[name] for row in rows], other[name], name)
        for name in ("precision", "recall"):
            # What nothing is known of is 0 elsewhere.
            self.near([row[name]["value"] if row[name] else 0.0 for row in rows], other[name], name)
            self.near([ends(row[name]) for row in rows], other[f"{name}_ends"], name)

    @of_each_question
    def test_figures(self, question: oracle.Json, ours: oracle.Json, theirs: oracle.Json) -> None:
        for name, value in theirs["figures"].items():
            self.near(ours["figures"][name]["value"], value, name)
        counts = theirs["counts"]
        self.assertEqual({name: ours["figures"][name] for name in counts}, counts)
        self.near(ends(ours["figures"]["accuracy"]), oracle.wilson(counts["correct"], counts["decided"]), "accuracy")
        self.near(ends(ours["figures"]["coverage"]), oracle.wilson(counts["decided"], counts["cases"]), "coverage")

    @of_each_question
    def test_costs(self, question: oracle.Json, ours: oracle.Json, theirs: oracle.Json) -> None:
        self.near(ours["error_cost"]["value"], theirs["error_cost"], "cost")
        self.assertEqual(ours["figures"]["error_cost"], ours["error_cost"])

    @of_each_question
    def test_intervals_drawn_by_cluster(self, question: oracle.Json, ours: oracle.Json, theirs: oracle.Json) -> None:
        for name, drawn in theirs["intervals"].items():
            self.near_drawn(ours["figures"][name], drawn, name)

    @of_each_question
    def test_comparison(self, question: oracle.Json, ours: oracle.Json, theirs: oracle.Json) -> None:
        found, other = ours["comparison"], theirs["comparison"]
        self.assertEqual({name: found[name] for name in other["counts"]}, other["counts"])
        for name in ("p_value", "detectable"):
            self.near(found[name], other[name], name)
        self.assertEqual([int(changed["id"]) for changed in found["changed"]], other["changed"])
        for name, drawn in other["intervals"].items():
            self.near(found[name]["value"], other[name], name)
            self.near_drawn(found[name], drawn, name)
        classes = [found["classes"][label] for label in other["labels"]]
        for name in ("support", "recall_a", "recall_b", "p_value", "p_corrected"):
            self.near([row[name] for row in classes], other["classes"][name], f"{name} of a class")

    @of_each_question
    def test_calibration(self, question: oracle.Json, ours: oracle.Json, theirs: oracle.Json) -> None:
        found, other = ours["calibration"], theirs["calibration"]
        for name in ("ece", "brier", "auroc"):
            self.near(found[name], other[name], name)
        bins = [[bin[name] for name in ("low", "high", "count", "confidence", "accuracy")] for bin in found["bins"]]
        self.near(bins, other["bins"], "bins")

    @of_each_question
    def test_risk(self, question: oracle.Json, ours: oracle.Json, theirs: oracle.Json) -> None:
        points = [[point[name] for name in ("threshold", "coverage", "risk")] for point in ours["risk_coverage"]]
        self.near(points, theirs["risk_coverage"]["points"], "points")
        self.near(ours["area"], theirs["risk_coverage"]["area"], "area")

    @of_each_question
    def test_thresholds(self, question: oracle.Json, ours: oracle.Json, theirs: oracle.Json) -> None:
        self.near(ours["within"], theirs["thresholds"]["within"], "within")
        cheapest = ours["cheapest"]
        self.near(cheapest and cheapest[3], theirs["thresholds"]["cheapest"], "cheapest")

    @of_each_question
    def test_stability(self, question: oracle.Json, ours: oracle.Json, theirs: oracle.Json) -> None:
        for name, value in theirs["stability"].items():
            self.near(ours["stability"][name], value, name)

    @of_each_question
    def test_findings(self, question: oracle.Json, ours: oracle.Json, theirs: oracle.Json) -> None:
        found = [
            oracle.total(review, pairs, question["lines"]) for review, pairs in zip(question["reviews"], ours["pairs"])
        ]
        self.assertEqual(found, theirs["findings"])
        told, expected = ([len(review[name]) for review in question["reviews"]] for name in ("told", "expected"))
        matched, sums = sum(pairs for pairs, _, _ in theirs["findings"]), ours["findings"]
        self.assertEqual([sums[name] for name in ("matched", "told", "expected")], [matched, sum(told), sum(expected)])
        self.near(sums["per_case"], float(np.mean(told)), "per case")
        for name, of in (("precision", sum(told)), ("recall", sum(expected))):
            self.near(sums[name]["value"], matched / of, name)
            self.near(ends(sums[name]), oracle.wilson(matched, of), name)

    @of_each_question
    def test_shares(self, question: oracle.Json, ours: oracle.Json, theirs: oracle.Json) -> None:
        self.near([[share["low"], share["high"]] for share in ours["shares"]], theirs["shares"], "wilson")
        self.near([share["value"] for share in ours["shares"]], [hits / of for hits, of in question["shares"]], "value")

    @of_each_question
    def test_tests(self, question: oracle.Json, ours: oracle.Json, theirs: oracle.Json) -> None:
        self.near(ours["discordant"], theirs["discordant"], "mcnemar")
        self.near(ours["p_values"], theirs["p_values"], "holm")

    @of_each_question
    def test_numbers(self, question: oracle.Json, ours: oracle.Json, theirs: oracle.Json) -> None:
        self.near(ours["kappa"], theirs["kappa"], "kappa")
        self.near(ours["quantiles"], theirs["quantiles"], "quantiles")
        self.near(ours["detectable"], theirs["detectable"], "detectable")
        spread = [ours["values"][name] for name in ("p50", "p95", "p99", "max", "total")]
        self.near(spread, theirs["values"], "spread")

    @of_each_question
    def test_scaling(self, question: oracle.Json, ours: oracle.Json, theirs: oracle.Json) -> None:
        a, b = theirs["scaling"]["scipy"]
        if ours["scaling"] is None:
            self.assertLessEqual(a, 0, ours["no_scaling"])
            return
        found = [ours["scaling"]["a"], ours["scaling"]["b"]]
        self.near(found, [a, b], "scipy", 1e-6)
        self.near(found, theirs["scaling"]["sklearn"], "sklearn", EARLY)
        self.near(ours["confidences"], theirs["scaling"]["confidences"], "confidences", EARLY)

    def test_the_questions_have_all_kinds_of_answers(self) -> None:
        answers = [ours for _, _, ours, _ in self.runs]
        scaled = sum(answer["scaling"] is not None for answer in answers)
        self.assertTrue(len(answers) // 2 < scaled < len(answers), scaled)
        self.assertTrue({"better", "worse", "inconclusive"} <= {answer["comparison"]["verdict"] for answer in answers})
        for name in ("within", "cheapest"):
            self.assertTrue(any(answer[name] for answer in answers), name)


if __name__ == "__main__":
    unittest.main()
