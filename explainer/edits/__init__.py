"""Small edits of a request, as pure text: what a user might have meant instead. Nothing is tried here.

Situation ──▶ axes, nests, results, arguments, code ──▶ Candidates ──▶ analysis/fixing, which proves them
"""
