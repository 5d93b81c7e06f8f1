"""Simulated traffic with known truth: ordinary people, innocent look-alikes, operations among them."""

from __future__ import annotations

from .scaling import scaled
from .scenario import Scenario, ScenarioError, load_scenario, parse_scenario, shipped
from .writing import INNOCENT, LabelledPost, Simulation, Summary, Truth, simulate, write

__all__ = [
    "INNOCENT",
    "LabelledPost",
    "Scenario",
    "ScenarioError",
    "Simulation",
    "Summary",
    "Truth",
    "load_scenario",
    "parse_scenario",
    "scaled",
    "shipped",
    "simulate",
    "write",
]
