"""Who is tied to whom by what: the accounts of a case and the things that they shared, as a graph to draw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from detectors.rules.sentences import shortened
from streams.console.known import KnownCase

MOST_NODES, MOST_EDGES = 150, 400
_LABEL = 60


class _Node(NamedTuple):
    kind: str
    value: str

    @property
    def id(self) -> str:
        return f"{self.kind}:{self.value}"


_Edge = tuple[_Node, _Node]


def network(case: KnownCase, findings: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The graph of a case: nodes of the most ties first, and how many nodes were left out."""
    weights: Counter[_Edge] = Counter()
    for finding in findings:
        weights.update(_ties(finding))
    sizes: Counter[_Node] = Counter()
    for (one, other), weight in weights.items():
        sizes[one] += weight
        sizes[other] += weight
    # The things first: without them no account is tied to any other.
    order = sorted(sizes, key=lambda node: (-sizes[node], node))
    things = [node for node in order if node.kind != "account"][: MOST_NODES // 3]
    shown = {*things, *[node for node in order if node.kind == "account"][: MOST_NODES - len(things)]}
    edges = [edge for edge in weights if shown.issuperset(edge)]
    edges.sort(key=lambda edge: (-weights[edge], edge))
    del edges[MOST_EDGES:]
    return {
        "nodes": [
            {"id": node.id, "kind": node.kind, "label": _label(case, node), "size": sizes[node]}
            for node in order
            if node in shown
        ],
        "edges": [{"a": a.id, "b": b.id, "weight": weights[a, b]} for a, b in edges],
        "left_out": len(sizes) - len(shown),
    }


def _ties(finding: dict[str, Any]) -> Iterator[_Edge]:
    """An account and what it shared: by the pairs, where the detector tells them, else by the subject."""
    if finding["edges"]:
        for edge in finding["edges"]:
            for shared in edge["shared"]:
                thing = _Node(shared["kind"], shared["value"])
                for account in edge["accounts"]:
                    yield _Node("account", account), thing
        return
    subject = finding["subjects"][0]
    for account in finding["accounts"]:
        yield _Node("account", account), _Node(subject["kind"], subject["value"])


def _label(case: KnownCase, node: _Node) -> str:
    shown = case.shown({"kind": node.kind, "value": node.value})["shown"]
    return f"#{shown}" if node.kind == "hashtag" else shortened(shown, _LABEL)
