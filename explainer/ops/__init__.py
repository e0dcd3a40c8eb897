"""What whoever runs a public instance looks at: figures, health, a log. Nothing here is for visitors.

    sandbox.events ─▶ metrics, log        health ◀─ server ─▶ 127.0.0.1:EXPLAINER_OPS_PORT

`python -m explainer.ops` starts the app with them.
"""
