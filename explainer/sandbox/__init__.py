"""Explain untrusted text in a child process, with limits: `explain` and `stream`.

    ui, cli ─▶ client ─▶ pool ─▶ zygote ─▶ worker ─▶ analysis

`warm_up` starts standby children ahead of the first request, `shutdown` ends them.
"""

from explainer.sandbox.client import explain as explain
from explainer.sandbox.client import shutdown as shutdown
from explainer.sandbox.client import stream as stream
from explainer.sandbox.client import warm_up as warm_up
from explainer.sandbox.gate import Visitor as Visitor
from explainer.sandbox.settings import Limits as Limits
