"""Explaining: an error at a stage, in words: what went wrong, where, what to do.

Scene ──▶ failures.describe ── misfits, conflicts, concrete, ... ──▶ Failure with its Mismatch
"""
