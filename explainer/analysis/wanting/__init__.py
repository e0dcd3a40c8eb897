"""Wanting: the levels that give an output which the user asks for, proven; or why none do.

Request.wanted ──▶ namings, stacks ──▶ wanted ── trying ──▶ Wanted
"""
