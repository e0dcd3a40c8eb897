"""Fixes: small edits of a failing request, tried and proven.

Run that failed ──▶ situations ──▶ edits ──▶ search ──▶ trial, proof ──▶ Report.fixes
"""

from explainer.analysis.fixing.ending import add_to as add_to
