"""Failing calls: a vmapped call in the user's own code that an error came out of, as a nest of its own.

error, its frames ──▶ failed, written ──▶ FailedCall ──▶ retelling ──▶ Failure, in words of `explaining`
"""
