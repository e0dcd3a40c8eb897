"""Reciting: a nest said another way, as loops, named axes, an einsum, each run and compared.

Run ──▶ readings, einsums ──▶ Report.readings
"""
